"""What the tests of the real balancer share: processes, one request, a load of them."""

import asyncio
import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from tests.ports import free_port

BACKEND = Path(__file__).with_name("backend.py")
ROOT = Path(os.environ.get("BALANCER", Path(__file__).parents[3])).absolute()
"""Where the balancer's package is: `make test-compiled` names the compiled one's."""
TOKEN = "a-token-for-tests"


def start_balancer(*arguments: str, output: int | IO[bytes]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "loadbalancer", *arguments],
        stdout=output,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def wait_until(check: Callable[[], bool], what: str, seconds: float = 20) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            if check():
                return
        except (OSError, http.client.HTTPException):
            pass
        time.sleep(0.05)
    raise TimeoutError(what)


@dataclass
class Process:
    popen: subprocess.Popen[bytes]
    port: int
    name: str = ""

    def signal(self, number: int) -> None:
        self.popen.send_signal(number)

    def kill(self) -> None:
        self.popen.kill()
        self.popen.wait()

    def end(self) -> None:
        self.popen.send_signal(signal.SIGCONT)
        self.kill()
        if self.popen.stdout:
            self.popen.stdout.close()


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes
    seconds: float = 0.0

    def json(self) -> Any:
        return json.loads(self.body)


def ask(
    port: int, method: str = "GET", target: str = "/", body: bytes | None = None, *,
    headers: dict[str, str] | None = None, seconds: float = 15,
) -> Answer:  # fmt: skip
    """One request on a connection of its own; never sent twice."""
    began = time.monotonic()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=seconds)
    try:
        connection.request(method, target, body, headers or {})
        got = connection.getresponse()
        fields = {k.lower(): v for k, v in got.getheaders()}
        return Answer(got.status, fields, got.read(), time.monotonic() - began)
    finally:
        connection.close()


@dataclass
class Cluster:
    """A balancer and its backends."""

    balancer: Process
    backends: list[Process]
    admin: int
    log: Path
    config: Path

    @property
    def port(self) -> int:
        return self.balancer.port

    def ask(self, *args: Any, **options: Any) -> Answer:
        return ask(self.port, *args, **options)

    def whole_state(self) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        state: dict[str, Any] = ask(self.admin, target="/state", headers=headers).json()
        return state

    def state(self) -> dict[str, Any]:
        pool: dict[str, Any] = self.whole_state()["pools"]["p"]
        return pool

    def instance(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = next(
            i for i in self.state()["instances"] if name in (i["name"], i["address"])
        )
        return found

    def wait_for(self, name: str, state: str, seconds: float = 20) -> None:
        wait_until(lambda: self.instance(name)["state"] == state, f"{name} {state}", seconds)

    def order(self, verb: str, name: str) -> int:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        return ask(self.admin, "POST", f"/pools/p/instances/{name}/{verb}", headers=headers).status

    def metrics(self) -> str:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        return ask(self.admin, target="/metrics", headers=headers).body.decode()

    def workers(self) -> list[int]:
        """The processes of a balancer that has several."""
        pid = self.balancer.popen.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text()
        return [int(child) for child in children.split()]

    def wait_for_servers(self, *names: str) -> None:
        """Until so many requests in a row were served by these that each worker had its share."""
        wanted = {f"a/{name}".encode() for name in names}
        wait_until(lambda: {self.ask().body for _ in range(40)} == wanted, f"only {names}")

    def change(self, *changes: tuple[str, str]) -> None:
        """Writes the configuration anew."""
        text = self.config.read_text()
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        self.config.write_text(text)

    def reload(self) -> Answer:
        return ask(self.admin, "POST", "/reload", headers={"Authorization": f"Bearer {TOKEN}"})

    def events(self, message: str) -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in self.log.read_text().splitlines()]
        return [line for line in lines if line["message"] == message]

    def counts(self) -> dict[str, int]:
        """What the living backends were asked for, by method and target."""
        total: dict[str, int] = {}
        for backend in self.backends:
            if backend.popen.poll() is None:
                for key, count in ask(backend.port, target="/counts").json().items():
                    total[key] = total.get(key, 0) + count
        return total


def start_backend(name: str, port: int | None = None) -> Process:
    port = port or free_port()
    popen = subprocess.Popen([sys.executable, str(BACKEND), str(port), name])
    return Process(popen, port, name)


Start = Callable[..., Cluster]


@dataclass
class Tally:
    """What became of a load, request by request."""

    statuses: list[int] = field(default_factory=list)
    broken: int = 0
    slowest: float = 0.0

    @property
    def failed(self) -> int:
        return self.broken + sum(s >= 400 for s in self.statuses)


class Load:
    """Keeps `workers` connections busy with one kind of request, and never sends one twice."""

    def __init__(self, port: int, head: bytes, workers: int = 8) -> None:
        self.tally = Tally()
        self._port = port
        self._head = head
        self._stop = asyncio.Event()
        self._tasks = [asyncio.create_task(self._work(n)) for n in range(workers)]

    async def _work(self, worker: int) -> None:
        reader = writer = None
        count = 0
        while not self._stop.is_set():
            count += 1
            began = time.monotonic()
            try:
                if writer is None:
                    reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
                assert reader is not None
                writer.write(self._head.replace(b"{id}", b"%d-%d" % (worker, count)))
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                await reader.readexactly(length)
                self.tally.statuses.append(int(head[9:12]))
                if b"connection: close" in head.lower():
                    writer.close()
                    writer = None
            except (OSError, asyncio.IncompleteReadError):
                self.tally.broken += 1
                writer = None
            self.tally.slowest = max(self.tally.slowest, time.monotonic() - began)
            await asyncio.sleep(0.005)
        if writer is not None:
            writer.close()

    async def reach(self, count: int) -> None:
        """Waits until so many requests have been answered."""
        while len(self.tally.statuses) + self.tally.broken < count:
            await asyncio.sleep(0.01)

    async def stop(self) -> Tally:
        self._stop.set()
        await asyncio.gather(*self._tasks)
        return self.tally
