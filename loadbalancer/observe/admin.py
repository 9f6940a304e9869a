"""The admin listener: how it is, what happens, and what a person can do by hand.

GET  /healthz /readyz                            without a token; everything else needs it
GET  /state /metrics
GET  /events                                     as server-sent events, from now on
POST /reload
POST /pools/POOL/instances/NAME/drain            or undrain; NAME may be an address
POST /pools/POOL/instances/NAME/weight/5         until the configuration says another one
"""

from __future__ import annotations

import asyncio
import hmac
import json
from typing import TYPE_CHECKING
from urllib.parse import unquote

from loadbalancer.discovery.members import MOST_WEIGHT
from loadbalancer.wire.canonical import answer, details
from loadbalancer.wire.heads import HeadReader
from loadbalancer.wire.limits import Limits
from loadbalancer.wire.reject import Problem, Reject
from loadbalancer.wire.request import RequestHead, RequestParser

if TYPE_CHECKING:
    from loadbalancer.balancer import Balancer
    from loadbalancer.observe.events import Events, Reader

_SECONDS = 5.0
_UNAUTHORIZED = Problem(401, "unauthorized", "A token is needed")
_NOTHING = Problem(404, "not-found", "GET /state, /metrics, /events, /healthz, /readyz")
_NOBODY = Problem(404, "not-found", "There is no such pool or instance")
_NO_COMMAND = Problem(
    404, "not-found", "POST /reload, /pools/POOL/instances/NAME/drain, …/undrain, …/weight/N"
)
_BAD_WEIGHT = Problem(400, "bad-request", "A weight is a whole number from 1 to 100")
_TOO_MANY = Problem(503, "overloaded", "Too many follow the events already")
_MOST_CONNECTIONS = 64
_MOST_DIGITS = 9
_ALIVE_SECONDS = 15.0
"""Without an event, a comment says that we are still here; and who takes nothing of what we send
for so long is let go."""
_UNSENT = 16_384
"""Bytes of events on their way; beyond, they wait in the reader's queue, which has an end."""
_READ = 16_384
_TEXT = "text/plain; charset=utf-8"
_METRICS = "text/plain; version=0.0.4; charset=utf-8"


class Admin:
    """Answers one request a connection; it is asked about once a second."""

    def __init__(self, balancer: Balancer, events: Events) -> None:
        self._balancer = balancer
        self._events = events
        self._connections = 0
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
        self._connections += 1
        try:
            if self._connections <= _MOST_CONNECTIONS:
                await self._serve_one(reader, writer)
        except Reject as reject:
            writer.write(details(reject.problem, close=True))
        except (OSError, TimeoutError):
            pass  # whoever asked has gone, or never asked
        finally:
            self._connections -= 1
            writer.close()

    async def _serve_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with asyncio.timeout(_SECONDS):
            head = await self._read(reader)
            if head is None:
                return
            follows = head.method == b"GET" and head.path == b"/events" and self._allowed(head)
            follower = self._events.follow() if follows else None
            if follower is None:
                refused = details(_TOO_MANY, close=True)
                writer.write(refused if follows else await self.answer(head))
                await writer.drain()
                return
        try:
            await self._stream(follower, writer)
        finally:
            self._events.unfollow(follower)

    async def _stream(self, follower: Reader, writer: asyncio.StreamWriter) -> None:
        """Events as they come (WHATWG HTML, 9.2), until one of both has gone."""
        writer.transport.set_write_buffer_limits(_UNSENT)
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\n"
            b"Connection: close\r\n\r\n"
        )
        while not writer.is_closing():
            try:
                async with asyncio.timeout(_ALIVE_SECONDS):
                    news = await follower.next()
            except TimeoutError:
                news = [], 0
            if news is None:
                return
            lines, lost = news
            for line in lines:
                writer.write(f"data: {line}\n\n".encode())
            if lost:
                writer.write(b'event: lost\ndata: {"lost": %d}\n\n' % lost)
            if not lines and not lost:
                writer.write(b": still here\n\n")
            async with asyncio.timeout(_ALIVE_SECONDS):
                await writer.drain()

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
        for line in head.lines:
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
                known = self._balancer.drain(pool, name, drained=verb == "drain")
                return _done(known, pool=pool, instance=name, done=verb)
            case ["", "pools", pool, "instances", name, "weight", weight]:
                wanted = int(weight) if weight.isdecimal() and len(weight) <= _MOST_DIGITS else 0
                if not 1 <= wanted <= MOST_WEIGHT:
                    return details(_BAD_WEIGHT, close=True)
                known = self._balancer.weigh(pool, name, wanted)
                return _done(known, pool=pool, instance=name, weight=wanted)
        return details(_NO_COMMAND, close=True)


def _done(known: bool = True, /, **what: object) -> bytes:
    """Done, unless what was named is not known."""
    if not known:
        return details(_NOBODY, close=True)
    return answer(200, json.dumps(what).encode(), "application/json", close=True)
