"""Calling other services: always by a balancer's mesh listener, the own zone's first.

The balancer chooses the instance, retries and hedges; this layer only survives a balancer that is
lost or hangs. A call that broke is sent again by the other one if it did not leave, or if a
second run does no harm: a method that is idempotent (RFC 9110, section 9.2.2) or a key.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp
from multidict import CIMultiDictProxy
from yarl import URL

from chassis.context import current_request
from chassis.lifecycle import background
from chassis.metrics import MESH_FAILOVERS
from chassis.problems import DeadlineMissed, Unavailable
from chassis.resilience import current_deadline

_IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"})
_CONNECT_SECONDS = 0.5
_DEFAULT_SECONDS = 5.0
_RETURN_SECONDS = 2.0
_DOUBT_SECONDS = 0.5
_ANSWER_SECONDS = 0.5
_CONNECTIONS = 256
# The balancer closes idle client connections after 60 s; the side that sends next closes first.
_IDLE_SECONDS = 30
_NEVER_SENT = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer, whole. `headers` are case-insensitive."""

    status: int
    headers: CIMultiDictProxy[str]
    body: bytes


@dataclass(frozen=True, slots=True)
class _Request:
    method: str
    target: str
    headers: dict[str, str]
    body: bytes | None = None

    @property
    def repeatable(self) -> bool:
        """Does a second run do no harm?"""
        return self.method in _IDEMPOTENT or "Idempotency-Key" in self.headers


_ARE_YOU_THERE = _Request("GET", "/", {"Host": "balancer"})
"""Any answer will do: of a host that it has no route for, a balancer tells by itself."""


class BalancerHangs(aiohttp.ClientConnectionError):
    """It took the request, and does not even say that it is there."""


class _Try:
    """A request that a balancer has, and nothing has come back."""

    __slots__ = ("abandoned", "began", "bound", "repeatable")

    def __init__(self, bound: asyncio.Timeout, *, repeatable: bool, began: float) -> None:
        self.bound = bound
        self.repeatable = repeatable
        self.began = began
        self.abandoned = False


class MeshClient:
    """Keeps connections to the balancers and the knowledge of which one last answered."""

    def __init__(self, session: aiohttp.ClientSession, balancers: list[str]) -> None:
        self._session = session
        self._balancers = balancers
        self._preferred = 0
        self._under_way: list[set[_Try]] = [set() for _ in balancers]

    @classmethod
    @asynccontextmanager
    async def open(cls, balancers: str) -> AsyncIterator[MeshClient]:
        """`balancers` are URLs, comma separated, in order of preference."""
        connector = aiohttp.TCPConnector(
            limit=_CONNECTIONS, keepalive_timeout=_IDLE_SECONDS, ttl_dns_cache=5
        )
        async with aiohttp.ClientSession(
            connector=connector,
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_SECONDS),
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
        ) as session:
            client = cls(session, [b.strip().rstrip("/") for b in balancers.split(",")])
            async with (
                background("mesh-return", client.return_home),
                background("mesh-doubt", client.doubt),
            ):
                yield client

    async def return_home(self) -> None:
        """Goes back to the first balancer once it answers again; until cancelled."""
        while True:
            await asyncio.sleep(_RETURN_SECONDS)
            if self._preferred != 0 and await self._answers(0):
                self._preferred = 0

    async def doubt(self) -> None:
        """Asks a balancer that lets a request wait whether it is there at all; until cancelled.

        A paused one takes connections and says nothing. A slow service looks the same from here,
        so no bound on a request could tell them apart: what may be sent again goes to the other
        balancer when this one does not answer a question about itself.
        """
        clock = asyncio.get_running_loop().time
        while True:
            await asyncio.sleep(_DOUBT_SECONDS)
            late = clock() - _DOUBT_SECONDS
            for index, tries in enumerate(self._under_way):
                if any(t.began < late for t in tries) and not await self._answers(index):
                    self._leave(index, clock())

    def _leave(self, index: int, now: float) -> None:
        if self._preferred == index:
            self._preferred = (index + 1) % len(self._balancers)
        for one in self._under_way[index]:
            if one.repeatable and not one.abandoned and not one.bound.expired():
                one.abandoned = True
                one.bound.reschedule(now)

    async def _answers(self, index: int) -> bool:
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                await self._by(self._balancers[index], _ARE_YOU_THERE)
        except (aiohttp.ClientError, OSError, TimeoutError):
            return False
        return True

    async def call(
        self,
        service: str,
        method: str,
        target: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> Reply:
        """Sends a request to `service`; `target` is the path and query, already encoded.

        Raises:
            Unavailable: no balancer could be reached, or the connection broke after a request
                was sent that must not be sent twice.
            DeadlineMissed: the request's deadline passed.
        """
        sent = {**self._own_headers(service), **(headers or {})}
        request = _Request(method, target, sent, body)
        deadline = current_deadline.get()
        seconds = deadline.remaining() if deadline else _DEFAULT_SECONDS
        until = asyncio.get_running_loop().time() + seconds
        first = self._preferred
        for turn in itertools.count():
            index = (first + turn) % len(self._balancers)
            try:
                reply = await self._try(index, request, until)
            except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError) as error:
                never_sent = isinstance(error, _NEVER_SENT)
                # One more turn than there are: a pooled connection may have been closed meanwhile.
                if turn == len(self._balancers) or not (never_sent or request.repeatable):
                    raise Unavailable("The way inside broke") from error
                MESH_FAILOVERS.labels(self._balancers[index]).inc()
            else:
                self._preferred = index if turn else self._preferred
                return reply
        raise AssertionError  # the loop only ends by return or raise

    async def _try(self, index: int, request: _Request, until: float) -> Reply:
        tries, one = self._under_way[index], None
        try:
            async with asyncio.timeout_at(until) as bound:
                now = asyncio.get_running_loop().time()
                one = _Try(bound, repeatable=request.repeatable, began=now)
                tries.add(one)
                return await self._by(self._balancers[index], request)
        except aiohttp.ConnectionTimeoutError:  # a TimeoutError too, but not the deadline's
            raise
        except TimeoutError as error:
            if one is not None and one.abandoned:
                raise BalancerHangs(self._balancers[index]) from error
            raise DeadlineMissed from error
        finally:
            if one is not None:
                tries.discard(one)

    async def _by(self, balancer: str, request: _Request) -> Reply:
        async with self._session.request(
            request.method,
            URL(balancer + request.target, encoded=True),
            headers=request.headers,
            data=request.body,
            allow_redirects=False,
        ) as response:
            return Reply(response.status, response.headers, await response.read())

    def _own_headers(self, service: str) -> dict[str, str]:
        headers = {"Host": service}
        request = current_request.get()
        if request is not None:
            headers["X-Request-Id"] = request.request_id
            headers["traceparent"] = str(request.trace)
            if request.trace.state:
                headers["tracestate"] = request.trace.state
            if request.account_id is not None:
                headers["X-Account-Id"] = request.account_id
        deadline = current_deadline.get()
        if deadline is not None:
            headers["X-Request-Timeout-Ms"] = deadline.to_header()
        return headers
