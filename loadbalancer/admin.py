"""The admin listener: how it is (`/state`, `/metrics`), and drain or undrain by hand.

`/healthz` and `/readyz` need no token; everything else does.
"""

from __future__ import annotations

import asyncio
import hmac
import json
from typing import TYPE_CHECKING
from urllib.parse import unquote

from loadbalancer.wire.canonical import answer, details
from loadbalancer.wire.heads import HeadReader
from loadbalancer.wire.limits import Limits
from loadbalancer.wire.reject import Problem, Reject
from loadbalancer.wire.request import RequestHead, RequestParser

if TYPE_CHECKING:
    from loadbalancer.balancer import Balancer

_SECONDS = 5.0
_UNAUTHORIZED = Problem(401, "unauthorized", "A token is needed")
_NOTHING = Problem(404, "not-found", "GET /state, /metrics")
_NOBODY = Problem(404, "not-found", "There is no such pool or instance")
_NO_COMMAND = Problem(404, "not-found", "POST /pools/POOL/instances/NAME/drain")
_READ = 16_384
_TEXT = "text/plain; charset=utf-8"
_METRICS = "text/plain; version=0.0.4; charset=utf-8"


class Admin:
    """Answers one request a connection; it is asked about once a second."""

    def __init__(self, balancer: Balancer) -> None:
        self._balancer = balancer
        self._secret = b""
        self._limits = Limits()
        self._parser = RequestParser(self._limits)

    def allow(self, token: str) -> None:
        """Whoever has this token may ask, from now on."""
        self._secret = b"Bearer " + token.encode()

    def protocol(self, _: object = None) -> asyncio.Protocol:
        """For a new connection."""
        return asyncio.StreamReaderProtocol(asyncio.StreamReader(_READ), self._serve)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_SECONDS):
                head = await self._read(reader)
                if head is not None:
                    writer.write(await self.answer(head))
                    await writer.drain()
        except Reject as reject:
            writer.write(details(reject.problem, close=True))
        except (OSError, TimeoutError):
            pass  # whoever asked has gone, or never asked
        finally:
            writer.close()

    async def _read(self, reader: asyncio.StreamReader) -> RequestHead | None:
        heads = HeadReader(self._limits, skips_empty_line=True)
        while data := await reader.read(_READ):
            lines = heads.feed(data)
            if lines is not None:
                return self._parser.parse(lines)
        return None

    async def answer(self, head: RequestHead) -> bytes:
        """The answer to one request."""
        path = unquote(head.path.decode("latin-1"))
        if head.method == b"GET" and path in ("/healthz", "/readyz"):
            return self._health(path)
        if not self._allowed(head):
            return details(_UNAUTHORIZED, fields={"WWW-Authenticate": "Bearer"}, close=True)
        if head.method == b"GET" and path == "/state":
            content = json.dumps(self._balancer.state()).encode()
            return answer(200, content, "application/json", close=True)
        if head.method == b"GET" and path == "/metrics":
            return answer(200, self._balancer.metrics().encode(), _METRICS, close=True)
        if head.method == b"POST":
            return await self._command(path)
        return details(_NOTHING, close=True)

    def _health(self, path: str) -> bytes:
        reason = self._balancer.unready
        if path == "/healthz":
            return answer(200, b"live\n", _TEXT, close=True)
        return answer(503 if reason else 200, f"{reason or 'ready'}\n".encode(), _TEXT, close=True)

    def _allowed(self, head: RequestHead) -> bool:
        given = b""
        for line in head.plain:
            name, _, value = line.partition(b": ")
            if name.lower() == b"authorization":
                given = value
        return hmac.compare_digest(given, self._secret)

    async def _command(self, path: str) -> bytes:
        match path.split("/"):
            case ["", "reload"]:
                wrong = await self._balancer.reload("admin")
                if wrong:
                    return details(Problem(422, "bad-configuration", wrong), close=True)
                return _done(done="reload")
            case ["", "pools", pool, "instances", name, "drain" | "undrain" as verb]:
                if self._balancer.drain(pool, name, drained=verb == "drain"):
                    return _done(pool=pool, instance=name, done=verb)
                return details(_NOBODY, close=True)
        return details(_NO_COMMAND, close=True)


def _done(**what: object) -> bytes:
    return answer(200, json.dumps(what).encode(), "application/json", close=True)
