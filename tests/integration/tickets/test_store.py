"""Issuing on a real Postgres: once an order, whoever issues and however often."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import asyncpg
import pytest

from chassis.bus.event import Event
from chassis.bus.outbox import SCHEMA
from chassis.store.errors import StoreUnavailable
from chassis.store.postgres import Database
from services.tickets.codes import Signer
from services.tickets.decisions import ConfirmedOrder
from services.tickets.errors import SeatHasTicket
from services.tickets.main import MIGRATIONS
from services.tickets.store import Store
from tests.integration.conftest import NoStandby

SIGNER = Signer(bytes(32))


@pytest.fixture
async def store(postgres: Callable[[str], str]) -> AsyncIterator[Store]:
    owner = await asyncpg.connect(postgres("tickets"))
    await owner.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    await owner.close()
    async with Database.open(postgres("tickets")) as database:
        await database.migrate(SCHEMA, MIGRATIONS)
        yield Store(database, SIGNER)


def order(*seats: int, show_id: int = 5) -> ConfirmedOrder:
    return ConfirmedOrder(uuid.uuid4(), uuid.uuid4(), show_id, seats)


def confirmed(order: ConfirmedOrder) -> Event:
    data = {
        "order_id": str(order.order_id),
        "account_id": str(order.account_id),
        "show_id": order.show_id,
        "seats": list(order.seats),
    }
    return Event.about(str(order.order_id), "OrderConfirmed", str(order.show_id), data)


async def seats_of(store: Store, order: ConfirmedOrder) -> list[int]:
    return [i.ticket.seat for i in await store.of_order(order.order_id, order.account_id)]


async def test_a_confirmed_order_has_a_ticket_a_seat(store: Store) -> None:
    first, second = order(3, 4), order(9)

    await store.apply_orders([confirmed(first), confirmed(second)])

    assert await seats_of(store, first) == [3, 4]
    for issued in await store.of_order(first.order_id, first.account_id):
        assert SIGNER.verifier.read(issued.code) == issued.ticket
    assert await seats_of(store, second) == [9]


async def test_somebody_elses_order_has_no_tickets(store: Store) -> None:
    theirs = order(3)
    await store.apply_orders([confirmed(theirs)])

    assert await store.of_order(theirs.order_id, uuid.uuid4()) == []


async def test_an_event_that_comes_again_changes_nothing(store: Store) -> None:
    told = order(1, 2)
    await store.apply_orders([confirmed(told), confirmed(told)])
    before = await store.of_order(told.order_id, told.account_id)

    await store.apply_orders([confirmed(told)])

    assert await store.of_order(told.order_id, told.account_id) == before


async def test_an_event_that_comes_again_waits_for_the_standby(
    store: Store, no_standby: NoStandby
) -> None:
    """Else its offset would move past tickets that one machine has."""
    told = order(1, 2)
    await store.apply_orders([confirmed(told)])

    async with no_standby():
        with pytest.raises(StoreUnavailable):
            await store.apply_orders([confirmed(told)])

    await store.apply_orders([confirmed(told)])


async def test_what_is_no_confirmation_writes_nothing(store: Store, no_standby: NoStandby) -> None:
    told = replace(confirmed(order(1, 2)), type="OrderPlaced")

    async with no_standby():
        await store.apply_orders([told])


async def test_the_event_after_a_reader_was_served_changes_nothing(store: Store) -> None:
    read = order(7, 8)
    issued = await store.issue(read)

    await store.apply_orders([confirmed(read)])

    assert await store.of_order(read.order_id, read.account_id) == issued


async def test_readers_and_the_event_at_the_same_time_issue_once(store: Store) -> None:
    wanted = [order(n, n + 1, show_id=2) for n in range(1, 60, 2)]

    await asyncio.gather(
        *[store.issue(o) for o in wanted],
        store.apply_orders([confirmed(o) for o in wanted]),
        *[store.issue(o) for o in reversed(wanted)],
    )

    for o in wanted:
        assert await seats_of(store, o) == list(o.seats)


async def test_a_seat_that_was_sold_twice_gets_no_second_ticket(store: Store) -> None:
    rightful, second = order(40, 41), order(41, 42)
    innocent = order(50)
    await store.issue(rightful)

    with pytest.raises(SeatHasTicket):
        await store.issue(second)
    with pytest.raises(SeatHasTicket):
        await store.apply_orders([confirmed(innocent), confirmed(second)])

    assert await seats_of(store, second) == []
    assert await seats_of(store, innocent) == []
    await store.apply_orders([confirmed(innocent)])  # as the consumer does: one by one
    assert await seats_of(store, innocent) == [50]
