"""One run of wrk, and what it found."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from loadtests.bench.peers import CONF
from loadtests.bench.scenarios import Scenario

_TIMEOUT_SECONDS = 10
_SLACK_SECONDS = 30
_REQUEST = b"GET / HTTP/1.1\r\nHost: shop\r\n\r\n"
_READ = 65_536


@dataclass(frozen=True, slots=True)
class Result:
    """Of one run; the latencies in milliseconds."""

    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float
    errors: int

    @property
    def rps(self) -> float:
        """Requests a second."""
        return self.requests / self.seconds


class NoResult(Exception):
    """wrk did not come to its end; the message is what it said."""


def parse(output: str) -> Result:
    """Reads what report.lua wrote.

    Raises:
        NoResult: there is no such line.
    """
    for line in output.splitlines():
        if line.startswith("RESULT "):
            found = json.loads(line.removeprefix("RESULT "))
            return Result(
                requests=found["requests"],
                seconds=found["seconds"],
                p50_ms=found["p50_ms"],
                p99_ms=found["p99_ms"],
                errors=found["errors"],
            )
    raise NoResult(output.strip()[-300:] or "wrk said nothing")


def run(scenario: Scenario, port: int, *, core: int, seconds: float, label: str) -> Result:
    """Loads a port; `label` makes this run's requests differ from those of others.

    Raises:
        NoResult: wrk failed.
    """
    command = [
        "taskset", "-c", str(core), "wrk", "-t1", f"-c{scenario.connections}",
        f"-d{max(1, round(seconds))}s", "--latency", "--timeout", f"{_TIMEOUT_SECONDS}s",
        "-s", str(CONF / f"{scenario.script}.lua"), f"http://127.0.0.1:{port}", "--", label,
    ]  # fmt: skip
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False,
            timeout=seconds + _TIMEOUT_SECONDS + _SLACK_SECONDS,
            env={**os.environ, "BENCH_CONF": str(CONF)},
        )  # fmt: skip
    except (subprocess.TimeoutExpired, FileNotFoundError) as error:
        raise NoResult(str(error)) from error
    return parse(done.stdout + done.stderr)


class Idle:
    """Connections that were used once and are kept."""

    def __init__(self, connections: list[socket.socket]) -> None:
        self._connections = connections

    def lost(self) -> int:
        """How many of them the other side has closed."""
        return sum(map(_closed, self._connections))


@contextmanager
def idle_connections(port: int, count: int) -> Iterator[Idle]:
    """Opens them, and has one request answered on each.

    Raises:
        OSError: one cannot be had.
    """
    connections: list[socket.socket] = []
    try:
        for _ in range(count):
            one = socket.create_connection(("127.0.0.1", port), _TIMEOUT_SECONDS)
            connections.append(one)
            one.sendall(_REQUEST)
            one.recv(_READ)
        yield Idle(connections)
    finally:
        for one in connections:
            one.close()


def _closed(connection: socket.socket) -> bool:
    connection.setblocking(False)
    try:
        return connection.recv(1) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True
