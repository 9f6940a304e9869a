"""Who is measured: the command, the port, and in conf/ the configuration of each."""

from __future__ import annotations

import secrets
import socket
import sys
from dataclasses import dataclass, field
from pathlib import Path

from loadtests.bench.program import WORK, NotStarted, Program

CONF = Path(__file__).with_name("conf")
COMPILED = Path("/compiled")
"""Where the image has the balancer as compiled by mypyc."""
BACKEND_PORTS = (9001, 9002, 9003)
_READY_SECONDS = 15.0
_ASK_SECONDS = 2.0
_ANSWER = b"HTTP/1.1 200"

OURS = "holdfast"
HAPROXY = "haproxy"
ENVOY = "envoy"
DIRECT = "direct"


@dataclass(frozen=True, slots=True)
class Peer:
    """One way from the generator to the backends."""

    name: str
    port: int
    command: tuple[str, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    needs: Path | None = field(default=None)
    """Without this it is left out."""

    def start(self, core: int) -> Program | None:
        """Starts it and waits until it passes a request on; None for the direct way.

        Raises:
            NotStarted: it is not there, or does not work.
        """
        if not self.command:
            return None
        if self.needs is not None and not self.needs.exists():
            raise NotStarted(f"there is no {self.needs}")
        program = Program.start(
            self.name, self.command, core=core, environment=dict(self.environment)
        )
        try:
            program.wait_until(lambda: answers(self.port), _READY_SECONDS)
        except NotStarted:
            program.stop()
            raise
        return program


def answers(port: int) -> bool:
    """Does GET / get a 200 there?"""
    try:
        with socket.create_connection(("127.0.0.1", port), _ASK_SECONDS) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n")
            return connection.recv(len(_ANSWER)) == _ANSWER
    except OSError:
        return False


def _ours(name: str, port: int, config: str, *, compiled: bool = False) -> Peer:
    environment = {
        "PORT": str(port),
        "ADMIN_PORT": str(port + 1000),
        "ADMIN_TOKEN": secrets.token_hex(16),
    }
    if compiled:
        environment["PYTHONPATH"] = str(COMPILED)
    # -P: the working directory, which has the plain sources, is not looked at first.
    command = (sys.executable, "-P", "-m", "loadbalancer", "--config", str(CONF / config))
    needs = COMPILED if compiled else None
    return Peer(name, port, command, tuple(environment.items()), needs)


def _nginx(name: str, port: int, config: str) -> Peer:
    return Peer(name, port, ("nginx", "-c", str(CONF / config), "-e", "stderr"))


HTTP: tuple[Peer, ...] = (
    Peer(DIRECT, BACKEND_PORTS[0]),
    Peer(HAPROXY, 8002, ("haproxy", "-db", "-f", str(CONF / "haproxy.cfg"))),
    _nginx("nginx", 8003, "nginx.conf"),
    Peer(ENVOY, 8004, ("envoy", "-c", str(CONF / "envoy.yaml"), "--concurrency", "1",
                       "--disable-hot-restart", "--log-level", "error")),
    Peer("fastapi+httpx", 8005, ("uvicorn", "loadtests.bench.fastapi_proxy:app", "--port", "8005",
                                 "--loop", "uvloop", "--no-access-log", "--log-level", "warning",
                                 "--timeout-keep-alive", "300", "--backlog", "4096")),
    _ours(OURS, 8006, "holdfast.toml"),
    _ours(f"{OURS}-compiled", 8007, "holdfast.toml", compiled=True),
)  # fmt: skip
TCP: tuple[Peer, ...] = (
    Peer(DIRECT, BACKEND_PORTS[0]),
    Peer(HAPROXY, 8012, ("haproxy", "-db", "-f", str(CONF / "haproxy-tcp.cfg"))),
    _nginx("nginx", 8013, "nginx-stream.conf"),
    _ours(OURS, 8016, "holdfast-tcp.toml"),
    _ours(f"{OURS}-compiled", 8017, "holdfast-tcp.toml", compiled=True),
)


def start_backends(core: int) -> Program:
    """One nginx with three ports.

    Raises:
        NotStarted: it is not installed, or a port is taken.
    """
    files = WORK / "files"
    files.mkdir(parents=True, exist_ok=True)
    (files / "large").write_bytes(bytes(range(256)) * 4096)
    command = ("nginx", "-c", str(CONF / "backends.nginx.conf"), "-e", "stderr")
    program = Program.start("backends", command, core=core)
    program.wait_until(lambda: all(map(answers, BACKEND_PORTS)), _READY_SECONDS)
    return program
