"""A load that forgives nothing: every answer is judged, and every acknowledged order remembered.

What it does for itself is what any client of two balancers does: when its edge refuses or breaks
the connection, the same request, with the same key, goes to the other edge. It never repeats what
was answered: a 5xx is a failure.
"""

from __future__ import annotations

import asyncio
import itertools
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

SECONDS_PER_REQUEST = 15.0
GIVE_UP_SECONDS = 60.0
COME_BACK = {
    (503, "store-unavailable"),
    (503, "store-busy"),
    (409, "request-in-progress"),
}
BIG_SHOW_SEATS = 2_000


@dataclass
class Edges:
    """Two addresses, and the one that is used."""

    urls: list[str]
    clients: list[httpx.AsyncClient]
    current: int = 0
    failovers: int = 0

    @classmethod
    @asynccontextmanager
    async def open(cls, urls: list[str]) -> AsyncIterator[Edges]:
        clients = [
            httpx.AsyncClient(base_url=f"{url}/api/v1", timeout=SECONDS_PER_REQUEST) for url in urls
        ]
        try:
            yield cls(urls, clients)
        finally:
            for client in clients:
                await client.aclose()

    async def send(self, method: str, path: str, **options: Any) -> httpx.Response:
        for turn in itertools.count():
            used = self.current
            self.clients[used].cookies.clear()  # many accounts share a client: who asks, says so
            try:
                return await self.clients[used].request(method, path, **options)
            except (httpx.ConnectError, httpx.RemoteProtocolError, httpx.ReadError):
                if turn == len(self.urls) * 2:
                    raise
                if used == self.current:
                    self.current = (used + 1) % len(self.urls)
                    self.failovers += 1
        raise AssertionError


@dataclass
class Account:
    """Somebody who is signed in."""

    token: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}


async def sign_up(edges: Edges) -> Account:
    """A new account with a session."""
    credentials = {"email": f"{uuid.uuid4().hex}@example.org", "password": "correct horse battery"}
    created = await edges.send("POST", "/accounts", json=credentials)
    assert created.status_code == 201, created.text
    session = await edges.send("POST", "/sessions", json=credentials)
    assert session.status_code == 201, session.text
    return Account(session.json()["token"])


@dataclass
class Tally:
    """What happened to the load."""

    requests: int = 0
    failures: list[str] = field(default_factory=list)
    failed_ids: list[str] = field(default_factory=list)
    slowest: float = 0.0
    acknowledged: dict[str, Account] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    seats: list[tuple[int, int]] = field(default_factory=list)

    def refused(self, what: str, answer: httpx.Response) -> None:
        """An answer that should not have been."""
        status, seconds = answer.status_code, answer.elapsed.total_seconds()
        self.failures.append(f"{what}: {status} after {seconds:.2f} s: {answer.text[:200]}")
        if request_id := answer.headers.get("X-Request-Id"):
            self.failed_ids.append(request_id)


class Load:
    """Browsers and buyers at a steady rate, until told to stop."""

    def __init__(self, edges: Edges, accounts: list[Account], shows: list[int]) -> None:
        self.tally = Tally()
        self._edges = edges
        self._accounts = accounts
        self._shows = shows

    @asynccontextmanager
    async def running(self, browsing: float = 30, buying: float = 8) -> AsyncIterator[Tally]:
        """`browsing` and `buying` are requests a second; the rate does not wait for answers."""
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(self._pace(group, browsing, self._browse)),
                group.create_task(self._pace(group, buying, self._buy)),
            ]
            try:
                yield self.tally
            finally:
                for task in tasks:
                    task.cancel()

    async def _pace(self, group: asyncio.TaskGroup, rate: float, act: Any) -> None:
        began = time.monotonic()
        for n in itertools.count():
            await asyncio.sleep(max(0.0, began + n / rate - time.monotonic()))
            group.create_task(act(n))

    async def _browse(self, n: int) -> None:
        path = f"/shows/{self._shows[n % len(self._shows)]}" if n % 3 else "/shows?limit=10"
        await self._judged("GET", path, {200, 304})

    async def _buy(self, n: int) -> None:
        account = self._accounts[n % len(self._accounts)]
        show, key = self._shows[n % len(self._shows)], uuid.uuid4().hex
        answer = await self._judged(
            "POST",
            "/orders",
            {200, 201},
            json={"show_id": show, "seats": 1 + n % 3},
            headers={**account.headers, "Idempotency-Key": key},
        )
        if answer is not None:
            order = answer.json()
            self.tally.acknowledged[order["id"]] = account
            self.tally.keys[key] = order["id"]
            self.tally.seats += [(show, seat) for seat in order["seats"]]

    async def _judged(
        self, method: str, path: str, good: set[int], **options: Any
    ) -> httpx.Response | None:
        began = time.monotonic()
        self.tally.requests += 1
        try:
            answer = await self._edges.send(method, path, **options)
        except httpx.HTTPError as error:
            self.tally.failures.append(f"{method} {path}: {error!r}")
            return None
        finally:
            self.tally.slowest = max(self.tally.slowest, time.monotonic() - began)
        if answer.status_code not in good:
            self.tally.refused(f"{method} {path}", answer)
            return None
        return answer


class PatientLoad(Load):
    """Buyers who come back with the same key when they are told to (503, 409 with Retry-After)."""

    told_to_come_back = 0

    async def _buy(self, n: int) -> None:
        account = self._accounts[n % len(self._accounts)]
        show, key = self._shows[n % len(self._shows)], uuid.uuid4().hex
        body = {"show_id": show, "seats": 1 + n % 3}
        headers = {**account.headers, "Idempotency-Key": key}
        self.tally.requests += 1
        async with asyncio.timeout(GIVE_UP_SECONDS):
            while True:
                try:
                    answer = await self._edges.send("POST", "/orders", json=body, headers=headers)
                except httpx.HTTPError as error:
                    self.tally.failures.append(f"order: {error!r}")
                    return
                if answer.status_code in (200, 201):
                    break
                if (answer.status_code, answer.json()["type"]) not in COME_BACK:
                    self.tally.refused("order", answer)
                    return
                self.told_to_come_back += 1
                await asyncio.sleep(int(answer.headers["Retry-After"]))
        order = answer.json()
        self.tally.acknowledged[order["id"]] = account
        self.tally.keys[key] = order["id"]
        self.tally.seats += [(show, seat) for seat in order["seats"]]


async def undecided(edges: Edges, tally: Tally, seconds: float = 60) -> dict[str, str]:
    """Waits until every acknowledged order is confirmed or declined; returns those that are not.

    An acknowledged order that cannot be found is never decided, so it is among them.
    """
    left = dict.fromkeys(tally.acknowledged, "never asked")
    until = time.monotonic() + seconds
    while left and time.monotonic() < until:
        for order in list(left):
            account = tally.acknowledged[order]
            answer = await edges.send("GET", f"/orders/{order}", headers=account.headers)
            status = answer.json().get("status") if answer.status_code == 200 else answer.text
            if status in {"confirmed", "declined"}:
                del left[order]
            else:
                left[order] = str(status)
                await asyncio.sleep(0.02)
    return left
