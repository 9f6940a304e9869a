"""How a relay ends, and when it gives up; its database is made up. Its telling has a real one."""

import asyncio
from typing import Any

import pytest

from chassis.bus import outbox
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

    async def returning(self, query: str, *_: object) -> list[Any]:
        self._here()
        if "leases" not in query:
            return self.untold()
        self.leased.set()
        return [{"term": 1}]

    def untold(self) -> list[Any]:
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


class Full(Ledger):
    """An outbox with one event in it."""

    def __init__(self) -> None:
        super().__init__()
        self.leases = 0
        self.told = asyncio.Event()

    async def returning(self, query: str, *words: object) -> list[Any]:
        self.leases += "leases" in query
        return await super().returning(query, *words)

    def untold(self) -> list[Any]:
        event = {"position": 1, "topic": "t", "key": "k", "value": b"v"}
        return [] if self.told.is_set() else [event]

    async def execute(self, query: str, *words: object) -> str:
        if query.startswith("UPDATE outbox"):
            self.told.set()
            return "UPDATE 1"
        return await super().execute(query, *words) if "leases" in query else "DELETE 0"


class Silent(Producer):
    """Takes records, and nothing is acknowledged until it may be."""

    def __init__(self) -> None:
        self.handed_over = 0
        self.acknowledging = asyncio.Event()

    async def publish(self, records: Any, headers: Any = None) -> None:
        self.handed_over += 1
        await self.acknowledging.wait()


async def test_who_does_not_reach_the_brokers_leaves_the_lease_to_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """And hands nothing over again, however long that takes."""
    monkeypatch.setattr(outbox, "TELL_SECONDS", 0.05)
    ledger, brokers = Full(), Silent()
    relay = Relay(ledger, brokers, "orders-a-1")  # type: ignore[arg-type]
    async with asyncio.timeout(10), background("relay", relay.run):
        while not ledger.released:
            await asyncio.sleep(0.01)
        leases = ledger.leases
        await asyncio.sleep(0.5)  # longer than a failed task is let wait
        assert (brokers.handed_over, ledger.leases) == (1, leases)
        assert not ledger.told.is_set()
        brokers.acknowledging.set()
        await ledger.told.wait()
    assert brokers.handed_over == 2


async def test_what_is_handed_over_is_not_waited_for_at_the_end() -> None:
    ledger, brokers = Full(), Silent()
    relay = Relay(ledger, brokers, "orders-a-1")  # type: ignore[arg-type]
    async with asyncio.timeout(5), background("relay", relay.run):
        while not brokers.handed_over:
            await asyncio.sleep(0.01)
    assert ledger.released == 1
    assert [t for t in asyncio.all_tasks() if t is not asyncio.current_task()] == []
