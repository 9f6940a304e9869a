"""How a relay ends; its database is made up. What it tells is tested on a real one."""

import asyncio
from typing import Any

import pytest

from chassis.bus.outbox import Relay
from chassis.bus.producer import Producer
from chassis.lifecycle import background
from chassis.store.errors import StoreUnavailable


class Ledger:
    """An empty outbox whose lease is free, until the server goes away."""

    def __init__(self, *, hangs: bool = False) -> None:
        self.leased = asyncio.Event()
        self.away = False
        self.hangs = hangs
        self.released = 0

    async def fetchrow(self, *_: object) -> dict[str, int]:
        self._here()
        self.leased.set()
        return {"term": 1}

    async def fetch(self, *_: object) -> list[Any]:
        self._here()
        return []

    async def execute(self, query: str, *_: object) -> str:
        if self.away and self.hangs:
            await asyncio.Event().wait()
        self._here()
        if query.startswith("DELETE"):
            return "DELETE 0"
        self.released += 1
        return "UPDATE 1"

    def _here(self) -> None:
        if self.away:
            raise StoreUnavailable("Postgres: ConnectionRefusedError")


def relay_of(ledger: Ledger) -> Relay:
    return Relay(ledger, Producer.__new__(Producer), "orders-a-1")  # type: ignore[arg-type]


async def test_a_relay_that_stops_gives_its_lease_back() -> None:
    ledger = Ledger()
    async with background("relay", relay_of(ledger).run):
        await ledger.leased.wait()
    assert ledger.released == 1


@pytest.mark.parametrize("hangs", [False, True])
async def test_a_relay_stops_while_postgres_is_away(hangs: bool) -> None:
    ledger = Ledger(hangs=hangs)
    async with asyncio.timeout(10):
        relay = asyncio.create_task(relay_of(ledger).run())
        await ledger.leased.wait()
        ledger.away = True
        relay.cancel()
        with pytest.raises(asyncio.CancelledError):
            await relay
    assert ledger.released == 0
