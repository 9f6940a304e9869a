"""Asks the cluster, as the buyers themselves, what became of every order of a run.

`python -m loadtests.verdict reports/<run>` waits until each acknowledged order is decided, asks
again by its key for each order whose outcome is unknown, and says what was lost or doubled.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
import orjson

from loadtests.checker import Order, Verdict, judge
from loadtests.ledger import LEDGER, Account, Entry, Ledger, read_accounts, read_entries

VERDICT = "verdict.json"
WAIT_SECONDS = 60.0
"""How long orders may take to be decided once the load is over."""

_TRIES = 20
_PAGE = 100
_AT_ONCE = 4
_OK, _NOT_FOUND, _SERVER_ERROR = 200, 404, 500
_AGAIN = frozenset({401, 409, 429})

T = TypeVar("T")
R = TypeVar("R")


class CannotAsk(Exception):
    """The cluster does not answer; nothing can be said about the orders."""


class Buyer:
    """An account of the run, signed in again."""

    def __init__(self, http: aiohttp.ClientSession, edges: tuple[str, ...], who: Account) -> None:
        self._http = http
        self._edges = edges
        self._who = who
        self._token = ""

    async def orders(self) -> list[Order]:
        """All of its orders."""
        found: list[Order] = []
        cursor = ""
        while True:
            page = await self._ask("GET", f"/orders?limit={_PAGE}{cursor}")
            found += [_order(item) for item in orjson.loads(page[1])["items"]]
            following = orjson.loads(page[1]).get("next_cursor")
            if not following:
                return found
            cursor = f"&cursor={following}"

    async def order(self, order_id: str) -> Order | None:
        """One order, None if there is none."""
        status, body = await self._ask("GET", f"/orders/{order_id}")
        return _order(orjson.loads(body)) if status == _OK else None

    async def ask_again(self, entry: Entry) -> Entry:
        """Sends an order with an unknown outcome once more, with its key."""
        status, body = await self._ask("POST", "/orders", entry.body, key=entry.key)
        return entry.answered(status, body, time.time())

    async def _ask(
        self, method: str, path: str, body: object = None, key: str = ""
    ) -> tuple[int, bytes]:
        trouble = "no answer"
        for attempt in range(_TRIES):
            edge = self._edges[attempt % len(self._edges)]
            try:
                if not self._token:
                    self._token = await self._sign_in(edge)
                headers = {"authorization": f"Bearer {self._token}", "idempotency-key": key}
                async with self._http.request(
                    method, f"{edge}/api/v1{path}", json=body, headers=headers
                ) as reply:
                    answer = reply.status, await reply.read()
                    if reply.status == 401:  # noqa: PLR2004
                        self._token = ""
                    running = reply.status in _AGAIN and "retry-after" in reply.headers
                    if self._token and not running and reply.status < _SERVER_ERROR:
                        return answer
                    trouble = f"{method} {path}: {reply.status}"
            except (aiohttp.ClientError, TimeoutError) as error:
                trouble = f"{edge}: {type(error).__name__}"
            await asyncio.sleep(min(0.1 * 2**attempt, 2.0))
        raise CannotAsk(trouble)

    async def _sign_in(self, edge: str) -> str:
        async with self._http.post(f"{edge}/api/v1/sessions", json=asdict(self._who)) as reply:
            reply.raise_for_status()
            return str((await reply.json())["token"])


async def verdict(run_dir: Path, edges: tuple[str, ...], wait: float = WAIT_SECONDS) -> Verdict:
    """The run's verdict, also kept beside its history.

    Raises:
        CannotAsk: the cluster did not answer.
    """
    ledger = Ledger(run_dir)
    timeout = aiohttp.ClientTimeout(total=10, connect=2)
    async with aiohttp.ClientSession(timeout=timeout) as http:
        buyers = {who.email: Buyer(http, edges, who) for who in read_accounts(run_dir)}
        entries = read_entries(run_dir)
        for entry in _unresolved(entries):
            if entry.account in buyers:
                again = await buyers[entry.account].ask_again(entry)
                ledger.write(again)
                entries.append(again)
        until = time.monotonic() + wait
        while True:
            found = judge(entries, await _observe(buyers, entries))
            if not found.undecided or time.monotonic() > until:
                break
            await asyncio.sleep(2.0)
    ledger.close()
    summary = {**asdict(found), "ok": found.ok}
    (run_dir / VERDICT).write_bytes(orjson.dumps(summary, option=orjson.OPT_INDENT_2))
    return found


async def _observe(buyers: dict[str, Buyer], entries: Iterable[Entry]) -> dict[str, Order]:
    lists = await _each(lambda buyer: buyer.orders(), buyers.values())
    orders = {order.id: order for orders in lists for order in orders}
    # A list may be cut short; only an order that does not answer by itself is gone.
    missing = [e for e in entries if e.order_id and e.order_id not in orders]
    alone = await _each(lambda e: buyers[e.account].order(str(e.order_id)), missing)
    return orders | {order.id: order for order in alone if order}


async def _each(work: Callable[[T], Awaitable[R]], items: Iterable[T]) -> list[R]:
    limit = asyncio.Semaphore(_AT_ONCE)

    async def one(item: T) -> R:
        async with limit:
            return await work(item)

    return await asyncio.gather(*(one(item) for item in items))


def _unresolved(entries: Iterable[Entry]) -> list[Entry]:
    last = {entry.key: entry for entry in entries}
    return [entry for entry in last.values() if entry.outcome == "unknown"]


def _order(item: dict[str, Any]) -> Order:
    return Order(item["id"], item["status"], tuple(item["seats"]), item.get("show_id"))


def main() -> int:
    """Prints the findings; 0 if there are none, 1 if there are, 2 if there is nothing to judge."""
    if len(sys.argv) != 2 or not (Path(sys.argv[1]) / LEDGER).exists():  # noqa: PLR2004
        print("which run? Its folder has a ledger.jsonl, such as reports/…-steady", file=sys.stderr)  # noqa: T201
        return 2
    edges = tuple(os.environ.get("EDGES", "http://127.0.0.1:8080").split(","))
    try:
        found = asyncio.run(verdict(Path(sys.argv[1]), edges))
    except CannotAsk as error:
        print(f"no verdict: the cluster does not answer ({error})", file=sys.stderr)  # noqa: T201
        return 2
    for finding in (*found.lost, *found.duplicates, *found.undecided, *found.unknown):
        print(finding)  # noqa: T201
    return 0 if found.ok else 1


if __name__ == "__main__":
    sys.exit(main())
