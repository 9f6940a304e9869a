"""Calling other services: always by a balancer's mesh listener, the own zone's first.

The balancer chooses the instance, retries and hedges; this layer only survives the loss of a
balancer itself. A call that broke is sent again by the other one if it did not leave, or if a
second run does no harm: a method that is idempotent (RFC 9110, section 9.2.2) or a key.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
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
_CONNECTIONS = 256
# The balancer closes idle client connections after 60 s; the side that sends next closes first.
_IDLE_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer, whole. `headers` are case-insensitive."""

    status: int
    headers: CIMultiDictProxy[str]
    body: bytes


class MeshClient:
    """Keeps connections to the balancers and the knowledge of which one last answered."""

    def __init__(self, session: aiohttp.ClientSession, balancers: list[str]) -> None:
        self._session = session
        self._balancers = balancers
        self._preferred = 0

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
            async with background("mesh-return", client.return_home):
                yield client

    async def return_home(self) -> None:
        """Goes back to the first balancer once it accepts connections again; until cancelled."""
        home = URL(self._balancers[0])
        while True:
            await asyncio.sleep(_RETURN_SECONDS)
            if self._preferred == 0:
                continue
            with suppress(OSError, TimeoutError):
                async with asyncio.timeout(_CONNECT_SECONDS):
                    _, writer = await asyncio.open_connection(home.host, home.port)
                writer.close()
                self._preferred = 0

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
        repeatable = method in _IDEMPOTENT or "Idempotency-Key" in sent
        deadline = current_deadline.get()
        seconds = deadline.remaining() if deadline else _DEFAULT_SECONDS
        try:
            async with asyncio.timeout(seconds):
                return await self._by_some_balancer(method, target, sent, body, repeatable)
        except TimeoutError as error:
            raise DeadlineMissed from error

    async def _by_some_balancer(
        self,
        method: str,
        target: str,
        headers: dict[str, str],
        body: bytes | None,
        repeatable: bool,
    ) -> Reply:
        first = self._preferred
        for turn in itertools.count():
            index = (first + turn) % len(self._balancers)
            try:
                reply = await self._by(self._balancers[index], method, target, headers, body)
            except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError) as error:
                never_sent = isinstance(error, aiohttp.ClientConnectorError)
                # One more turn than there are: a pooled connection may have been closed meanwhile.
                if turn == len(self._balancers) or not (never_sent or repeatable):
                    raise Unavailable("The way inside broke") from error
                MESH_FAILOVERS.labels(self._balancers[index]).inc()
            else:
                self._preferred = index if turn else self._preferred
                return reply
        raise AssertionError  # the loop only ends by return or raise

    async def _by(
        self, balancer: str, method: str, target: str, headers: dict[str, str], body: bytes | None
    ) -> Reply:
        async with self._session.request(
            method,
            URL(balancer + target, encoded=True),
            headers=headers,
            data=body,
            allow_redirects=False,
        ) as response:
            return Reply(response.status, response.headers, await response.read())

    def _own_headers(self, service: str) -> dict[str, str]:
        headers = {"Host": service}
        request = current_request.get()
        if request is not None:
            headers["X-Request-Id"] = request.request_id
            headers["traceparent"] = str(request.trace)
            if request.account_id is not None:
                headers["X-Account-Id"] = request.account_id
        deadline = current_deadline.get()
        if deadline is not None:
            headers["X-Request-Timeout-Ms"] = deadline.to_header()
        return headers
