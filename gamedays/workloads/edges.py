"""A client of both edges: what every HTTP request of a workload goes through."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from gamedays.workloads.decisions import NO_ANSWER, Answer
from loadtests.failover import Edges as Choice

API = "/api/v1"

_CONNECT_SECONDS = 1.0
_ASK_EVERY_SECONDS = 0.5
_TRIES = 4
_UNAVAILABLE, _REFUSES_SECONDS = 503, 10.0


class Edges:
    """Sends by one edge, and by the other when that one does not answer.

    One that answers 503 is left for ten seconds, if the other does not: what DNS with health checks
    does for a client, at the shortest interval of Route 53's.

    What was answered is never sent again here, whatever the answer. (aiohttp itself sends a GET or
    a DELETE again, once, when a kept connection breaks, as browsers do.)
    """

    def __init__(self, session: aiohttp.ClientSession, urls: Sequence[str]) -> None:
        self._session = session
        self._urls = urls
        self._choice = Choice(len(urls))
        self._asking: set[asyncio.Task[None]] = set()

    @classmethod
    @asynccontextmanager
    async def open(cls, urls: Sequence[str]) -> AsyncIterator[Edges]:
        """Connections are kept; names are not, for who comes back has another address."""
        connector = aiohttp.TCPConnector(limit=0, ttl_dns_cache=1)
        jar = aiohttp.DummyCookieJar()  # many people share a client: who asks, says who it is
        async with aiohttp.ClientSession(connector=connector, cookie_jar=jar) as session:
            edges = cls(session, urls)
            try:
                yield edges
            finally:
                for task in edges._asking:
                    task.cancel()

    async def send(
        self,
        method: str,
        path: str,
        *,
        home: int = 0,
        patience: float = 15.0,
        attempt: float = 5.5,
        tries: int = _TRIES,
        body: object = None,
        token: str = "",
        key: str = "",
    ) -> Answer:
        """The answer, or none.

        Args:
            method: HTTP method.
            path: below /api/v1.
            home: the edge to try first, if it is not known to be down.
            patience: seconds for all tries together.
            attempt: seconds for one; the cluster decides on an answer itself within 5 s.
            tries: how many edges to try; 1 for what may not be sent twice.
            body: sent as JSON.
            token: of a session.
            key: the Idempotency-Key.
        """
        headers = {}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        if key:
            headers["Idempotency-Key"] = key
        until = time.monotonic() + patience
        avoid: list[int] = []
        answer = Answer(NO_ANSWER, error="no time")
        for _ in range(tries):
            left = until - time.monotonic()
            if left <= 0:
                break
            edge = self._choice.choose(home % len(self._urls), avoid, time.monotonic())
            url = self._urls[edge] + API + path
            answer = await self._try(method, url, min(attempt, left), json=body, headers=headers)
            if answer.status != NO_ANSWER:
                refuses = _REFUSES_SECONDS if answer.status == _UNAVAILABLE else 0.0
                self._choice.refused(edge, time.monotonic() + refuses)
                break
            self._failed(edge)
            avoid = [edge]
        return answer

    async def _try(self, method: str, url: str, seconds: float, **options: Any) -> Answer:
        timeout = aiohttp.ClientTimeout(total=seconds, sock_connect=_CONNECT_SECONDS)
        try:
            async with self._session.request(method, url, timeout=timeout, **options) as reply:
                wait = reply.headers.get("Retry-After", "")
                body = await reply.read()
                return Answer(reply.status, body, float(wait) if wait.isdigit() else None)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return Answer(NO_ANSWER, error=type(error).__name__)

    def _failed(self, edge: int) -> None:
        """From now on somebody asks it, beside the requests, until it answers."""
        if self._choice.failed(edge):
            task = asyncio.create_task(self._await(edge))
            self._asking.add(task)
            task.add_done_callback(self._asking.discard)

    async def _await(self, edge: int) -> None:
        url = f"{self._urls[edge]}/healthz"
        while (await self._try("GET", url, _CONNECT_SECONDS)).status == NO_ANSWER:  # noqa: ASYNC110
            await asyncio.sleep(_ASK_EVERY_SECONDS)
        self._choice.worked(edge)
