"""A small HTTP server that writes down what it was asked and what it did, and can fail on demand.

Run as `python -m loadtests.bench.failover.backend PORT LOG`. A line of the log is `S` or `E` and
the request's X-Bench-Id: seen, or its effect has happened. SIGTERM: leaves, unready first.
SIGUSR1: answers 500 from now on, without effects. SIGUSR2: never answers again, not even checks.
SIGHUP: never answers again, but to checks.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
from enum import Enum
from typing import cast

import uvloop

UNREADY_SECONDS = 2.5
"""Between `not ready` and the end: longer than one interval of the peers' checks."""
_LEAST_SECONDS, _MOST_SECONDS = 0.002, 0.012
"""How long a request takes."""
_EXIT_SECONDS = 5.0


class Mode(Enum):
    """How it answers."""

    WELL = "well"
    ERRORS = "errors"
    SILENT = "silent"
    ONLY_CHECKS = "only checks"


class Server:
    """What all its connections share."""

    def __init__(self, log: int) -> None:
        self.log = log
        self.mode = Mode.WELL
        self.ready = True
        self.leaving = False
        self.connections: set[Connection] = set()

    def note(self, what: bytes, request_id: bytes) -> None:
        """One write each, so that a SIGKILL can lose none of them."""
        if request_id:
            os.write(self.log, b"%b %b\n" % (what, request_id))


class Connection(asyncio.Protocol):
    """Requests one after the other."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._transport: asyncio.Transport | None = None
        self._held = b""
        self._noted = False
        """The head that we hold was written down already: its body is still to come."""
        self.busy = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A proxy came."""
        self._transport = cast("asyncio.Transport", transport)
        self._server.connections.add(self)

    def connection_lost(self, _: Exception | None) -> None:
        """It went."""
        self._transport = None
        self._server.connections.discard(self)

    def data_received(self, data: bytes) -> None:
        """Bytes of a request."""
        self._held += data
        if not self.busy:
            self._next()

    def _next(self) -> None:
        head, end, rest = self._held.partition(b"\r\n\r\n")
        if not end:
            return
        start, *lines = head.split(b"\r\n")
        fields = {n.lower(): v.strip() for n, _, v in (line.partition(b":") for line in lines)}
        length = int(fields.get(b"content-length", b"0"))
        if not self._noted:
            self._noted = True
            self._seen(fields)
        if len(rest) < length:
            return
        self._held = rest[length:]
        self._noted = False
        self.busy = True
        self._serve(start, fields.get(b"x-bench-id", b""))

    def _seen(self, fields: dict[bytes, bytes]) -> None:
        """The head of a request is there, and perhaps nothing else of it yet."""
        silent = self._server.mode in (Mode.SILENT, Mode.ONLY_CHECKS)
        self._server.note(b"S", fields.get(b"x-bench-id", b""))
        if b"expect" in fields and not silent and self._transport is not None:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _serve(self, start: bytes, request_id: bytes) -> None:
        server = self._server
        method, target, _ = start.split(b" ")
        if target == b"/readyz":
            if server.mode is not Mode.SILENT:
                self._answer(b"200 OK" if server.ready else b"503 Service Unavailable")
            return
        if server.mode in (Mode.SILENT, Mode.ONLY_CHECKS):
            return
        seconds = random.uniform(_LEAST_SECONDS, _MOST_SECONDS)
        asyncio.get_running_loop().call_later(seconds, self._done, method, request_id)

    def _done(self, method: bytes, request_id: bytes) -> None:
        if self._server.mode is Mode.ERRORS:
            self._answer(b"500 Internal Server Error")
            return
        if method != b"GET":
            self._server.note(b"E", request_id)
        self._answer(b"200 OK")

    def _answer(self, status: bytes) -> None:
        self.busy = False
        if self._transport is None:
            return
        leaving = self._server.leaving
        close = b"Connection: close\r\n" if leaving else b""
        self._transport.write(b"HTTP/1.1 %b\r\n%bContent-Length: 2\r\n\r\nok" % (status, close))
        if leaving:
            self._transport.close()
        else:
            self._next()

    def leave(self) -> None:
        """Ends it, unless a request is under way."""
        if not self.busy and not self._noted and self._transport is not None:
            self._transport.close()


async def _run(port: int, log: int) -> None:
    loop, server, stop = asyncio.get_running_loop(), Server(log), asyncio.Event()
    for number, mode in (
        (signal.SIGUSR1, Mode.ERRORS),
        (signal.SIGUSR2, Mode.SILENT),
        (signal.SIGHUP, Mode.ONLY_CHECKS),
    ):
        loop.add_signal_handler(number, setattr, server, "mode", mode)
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    listening = await loop.create_server(
        lambda: Connection(server), "127.0.0.1", port, backlog=1024, reuse_address=True
    )
    await stop.wait()
    server.ready = False
    await asyncio.sleep(UNREADY_SECONDS)
    server.leaving = True
    listening.close()
    until = loop.time() + _EXIT_SECONDS
    while server.connections and loop.time() < until:
        for connection in list(server.connections):
            connection.leave()
        await asyncio.sleep(_LEAST_SECONDS)


def main() -> None:
    """Until SIGTERM."""
    port, path = int(sys.argv[1]), sys.argv[2]
    log = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    uvloop.run(_run(port, log))


if __name__ == "__main__":
    main()
