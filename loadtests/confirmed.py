"""`make confirmed`: how long an acknowledged order waits until it is confirmed.

One buyer, one order after the other, each asked for again and again. On an idle cluster that is
the way itself: outbox, Kafka, payments, the acquirer, Kafka; beside `make load` the queues too.
"""

from __future__ import annotations

import asyncio
import os
import random
import statistics
import sys
import time
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import aiohttp

from loadtests.client import API

_COUNT, _MOST_COUNT = 40, 1_000
_LOOK_EVERY_SECONDS = 0.05
_PAUSE_SECONDS = (0.3, 1.0)
"""Between two orders, at random: not in step with anything that comes round in the cluster."""
_GIVE_UP_SECONDS = 30.0
_SAY_EVERY = 5
_SEATS = 2
_CONFIRMED, _UNCONFIRMED, _USAGE = 0, 1, 2


class NotConfirmed(Exception):
    """The cluster did not answer as it should, or an order was not confirmed in time."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How many orders, and where to send them."""

    count: int
    edge: str

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Plan:
        """Reads COUNT and EDGES, of which the first is used.

        Raises:
            ValueError: COUNT is not a number from 1 to 1,000.
        """
        given = env.get("COUNT") or str(_COUNT)
        if not given.isdecimal() or not 1 <= int(given) <= _MOST_COUNT:
            raise ValueError(f"COUNT={given}: a number of orders from 1 to {_MOST_COUNT:,}")
        return cls(int(given), (env.get("EDGES") or "http://127.0.0.1:8080").split(",")[0])


class Buyer:
    """Somebody who is signed in. Its methods raise NotConfirmed and those of aiohttp."""

    def __init__(self, http: aiohttp.ClientSession, edge: str) -> None:
        self._http = http
        self._api = edge + API
        self._session: dict[str, str] = {}

    async def sign_in(self) -> None:
        """With a new account."""
        who = {"email": f"{uuid.uuid4().hex}@example.com", "password": uuid.uuid4().hex}
        await self._ask("POST", "/accounts", who)
        session = await self._ask("POST", "/sessions", who)
        self._session = {"authorization": f"Bearer {session['token']}"}

    async def shows(self, count: int) -> list[str]:
        """Shows that have seats, again from the first one where there are fewer than `count`."""
        page = await self._ask("GET", "/shows?limit=100")
        shows = [show["id"] for show in page["items"] if show["seats_left"] > _SEATS * count]
        if not shows:
            raise NotConfirmed("no show has that many seats left: make clean, make up")
        return [shows[place % len(shows)] for place in range(count)]

    async def order(self, show: str) -> float:
        """Seconds from the answer to an order until it is seen to be confirmed."""
        placed = await self._ask("POST", "/orders", {"show_id": show, "seats": _SEATS})
        acknowledged = time.monotonic()
        status = "pending"
        while status == "pending":
            if time.monotonic() - acknowledged > _GIVE_UP_SECONDS:
                raise NotConfirmed(f"order {placed['id']}: pending for {_GIVE_UP_SECONDS:.0f} s")
            await asyncio.sleep(_LOOK_EVERY_SECONDS)
            status = (await self._ask("GET", f"/orders/{placed['id']}"))["status"]
        if status != "confirmed":
            raise NotConfirmed(f"order {placed['id']}: {status}")
        return time.monotonic() - acknowledged

    async def _ask(self, method: str, path: str, body: object = None) -> Any:
        headers = {**self._session, "idempotency-key": uuid.uuid4().hex}
        url = self._api + path
        async with self._http.request(method, url, json=body, headers=headers) as reply:
            if not reply.ok:
                raise NotConfirmed(f"{method} {path}: {reply.status}")
            return await reply.json()


def said(waited: Sequence[float]) -> str:
    """The middle, one in ten, the slowest, of times in seconds."""
    middle = statistics.median(waited)
    tenth = statistics.quantiles(waited, n=10, method="inclusive")[-1] if waited[1:] else middle
    return (
        f"{_count(len(waited))} confirmed: {middle:.2f} s in the middle, {tenth:.2f} s or more for "
        f"one in ten, {max(waited):.2f} s at most"
    )


def _count(orders: int) -> str:
    return "1 order" if orders == 1 else f"{orders} orders"


async def measure(plan: Plan) -> list[float]:
    """Seconds of each order.

    Raises:
        NotConfirmed: an answer, or an order's end, was not what it should be.
        aiohttp.ClientError, TimeoutError: there was no answer.
    """
    waited: list[float] = []
    timeout = aiohttp.ClientTimeout(total=10, connect=2)
    async with aiohttp.ClientSession(timeout=timeout) as http:
        buyer = Buyer(http, plan.edge)
        await buyer.sign_in()
        for show in await buyer.shows(plan.count):
            waited.append(await buyer.order(show))
            if len(waited) % _SAY_EVERY == 0 and len(waited) < plan.count:
                print(f"  {said(waited)}", flush=True)  # noqa: T201
            await asyncio.sleep(random.uniform(*_PAUSE_SECONDS))
    return waited


def main() -> int:
    """0: all were confirmed. 1: not so. 2: asked for nonsense."""
    try:
        plan = Plan.from_env(os.environ)
    except ValueError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return _USAGE
    with suppress(KeyboardInterrupt):
        try:
            print(said(asyncio.run(measure(plan))))  # noqa: T201
        except NotConfirmed as error:
            print(error, file=sys.stderr)  # noqa: T201
        except (aiohttp.ClientError, TimeoutError) as error:
            why = type(error).__name__
            print(f"{plan.edge} does not answer ({why}). Is it up? make up", file=sys.stderr)  # noqa: T201
        else:
            return _CONFIRMED
    return _UNCONFIRMED


if __name__ == "__main__":
    sys.exit(main())
