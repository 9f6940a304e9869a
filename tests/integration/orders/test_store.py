"""The ledger on a real Postgres, with the server-side timeouts that the cluster has."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import asyncpg
import pytest

from chassis.bus.event import Event
from chassis.bus.outbox import SCHEMA
from chassis.resilience import Deadline
from chassis.store.errors import StoreUnavailable
from chassis.store.postgres import Connection, Database
from services.orders.decisions import Order, Place, PlaceOrder
from services.orders.errors import KeyReused, SoldOut
from services.orders.main import MIGRATIONS
from services.orders.store import Store, put_on_sale

SMALL_SHOW, BIG_SHOW = 1, 2
SEATS = {SMALL_SHOW: 50, BIG_SHOW: 1000}

Postgres = Callable[[str], str]


@pytest.fixture
async def database(postgres: Postgres) -> AsyncIterator[Database]:
    owner = await asyncpg.connect(postgres("orders"))
    await owner.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    await owner.close()
    async with Database.open(postgres("orders"), size=10) as database:

        async def fill(connection: Connection) -> None:
            await put_on_sale(connection, SEATS)

        await database.migrate(SCHEMA, MIGRATIONS, fill=fill)
        yield database


@pytest.fixture
def store(database: Database) -> Store:
    return Store(database)


def command(show_id: int = BIG_SHOW, seats: int = 2, key: str | None = None) -> PlaceOrder:
    return PlaceOrder(
        order_id=str(uuid.uuid4()),
        account_id=str(uuid.uuid4()),
        key=key or uuid.uuid4().hex,
        show_id=show_id,
        seats=seats,
        card="tok_ok",
        amount=1000 * seats,
        currency="EUR",
    )


def paid(order: Order) -> Event:
    return Event.about(order.id, "PaymentCaptured", str(order.show_id), {"order_id": order.id})


def refused(order: Order) -> Event:
    return Event.about(
        order.id, "PaymentDeclined", str(order.show_id), {"order_id": order.id, "reason": "no"}
    )


async def outbox_types(database: Database) -> list[str]:
    rows = await database.fetch("SELECT key, value FROM outbox ORDER BY position")
    return [Event.decode(r["key"].encode(), r["value"]).type for r in rows]


async def sold(database: Database, show_id: int) -> int:
    row = await database.fetchrow(
        "SELECT count(*) AS n FROM seats WHERE show_id = $1 AND order_id IS NOT NULL", show_id
    )
    assert row is not None
    return int(row["n"])


async def test_an_order_is_a_key_seats_a_row_and_an_event(store: Store, database: Database) -> None:
    order, replayed = await store.place(command())
    assert not replayed
    assert order.status == "pending"
    assert order.seats == [1, 2]
    assert await outbox_types(database) == ["OrderPlaced"]
    assert await sold(database, BIG_SHOW) == 2


async def test_the_same_key_gets_the_same_order_once(store: Store, database: Database) -> None:
    first = command()
    again = replace(first, order_id=str(uuid.uuid4()))
    order, _ = await store.place(first)
    await store.apply_payments([paid(order)])
    replay, replayed = await store.place(again)
    assert replayed
    assert replay == order  # as it was acknowledged: pending
    assert await sold(database, BIG_SHOW) == 2


async def test_a_key_belongs_to_its_account(store: Store) -> None:
    first = command(key="shared")
    order, _ = await store.place(first)
    other, replayed = await store.place(command(key="shared"))
    assert not replayed
    assert other.id != order.id


async def test_a_key_with_another_request_is_refused(store: Store) -> None:
    first = command()
    await store.place(first)
    with pytest.raises(KeyReused):
        await store.place(replace(first, seats=3))


async def test_twenty_at_once_with_one_key_are_one_order(store: Store, database: Database) -> None:
    first = command()
    answers = await asyncio.gather(
        *(store.place(replace(first, order_id=str(uuid.uuid4()))) for _ in range(20))
    )
    assert len({order.id for order, _ in answers}) == 1
    assert sum(not replayed for _, replayed in answers) == 1
    assert await sold(database, BIG_SHOW) == 2


async def test_the_last_seats_are_sold_once_each_and_none_is_left_over(
    store: Store, database: Database
) -> None:
    answers = await asyncio.gather(
        *(store.place(command(SMALL_SHOW, 3)) for _ in range(30)), return_exceptions=True
    )
    orders = [a[0] for a in answers if not isinstance(a, BaseException)]
    refusals = [a for a in answers if isinstance(a, BaseException)]
    assert {type(r) for r in refusals} == {SoldOut}
    assert len(orders) == 16
    seats = [seat for order in orders for seat in order.seats]
    assert len(seats) == len(set(seats)) == 48
    last, _ = await store.place(command(SMALL_SHOW, 2))
    assert not set(last.seats) & set(seats)


async def test_a_refused_order_leaves_nothing_behind(store: Store, database: Database) -> None:
    await store.place(command(SMALL_SHOW, 10))
    wanted = command(SMALL_SHOW, 10)
    for _ in range(4):
        await store.place(command(SMALL_SHOW, 10))
    with pytest.raises(SoldOut):
        await store.place(wanted)
    row = await database.fetchrow(
        "SELECT count(*) AS n FROM idempotency_keys WHERE key = $1", wanted.key
    )
    assert row is not None
    assert row["n"] == 0


async def test_a_transaction_that_stands_still_holds_neither_key_nor_seats(
    store: Store, postgres: Postgres
) -> None:
    """As a paused instance would: it claimed key and seats, and stopped before its commit."""
    wanted = command(SMALL_SHOW, 10)
    paused = await asyncpg.connect(postgres("orders"))
    await paused.execute("BEGIN")
    await paused.execute(
        "INSERT INTO idempotency_keys VALUES ($1, $2, $3, $4)",
        uuid.UUID(wanted.account_id),
        wanted.key,
        wanted.fingerprint,
        uuid.uuid4(),
    )
    await paused.execute("SELECT FROM seats WHERE show_id = $1 FOR UPDATE", SMALL_SHOW)
    async with asyncio.timeout(3):
        order, replayed = await store.place(wanted)
    assert (order.seats, replayed) == (list(range(1, 11)), False)
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError)):
        await paused.execute("COMMIT")
    await paused.close(timeout=1)


async def test_who_waits_for_a_key_to_the_end_of_its_time_is_told_within_it(
    store: Store, database: Database, postgres: Postgres
) -> None:
    wanted = command()
    holder = await asyncpg.connect(postgres("orders"))
    transaction = holder.transaction()
    await transaction.start()
    await holder.execute(
        "INSERT INTO idempotency_keys (account_id, key, fingerprint, order_id)"
        " VALUES ($1, $2, 'x', gen_random_uuid())",
        uuid.UUID(wanted.account_id),
        wanted.key,
    )
    async with Deadline.after(1).enforce() as deadline:
        with pytest.raises(StoreUnavailable):
            await store.place(wanted)
        assert deadline.remaining() > 0
    await transaction.rollback()
    await holder.close()
    order, replayed = await store.place(wanted)
    assert (order.id, replayed) == (wanted.order_id, False)


async def test_a_capture_confirms_once_however_often_it_is_told(
    store: Store, database: Database
) -> None:
    order, _ = await store.place(command())
    await store.apply_payments([paid(order)])
    await store.apply_payments([paid(order), paid(order)])
    assert (await store.get(uuid.UUID(order.id), order.account_id))[0].status == "confirmed"
    assert await outbox_types(database) == ["OrderPlaced", "OrderConfirmed"]


async def test_a_declined_order_gives_its_seats_back_once(store: Store, database: Database) -> None:
    order, _ = await store.place(command(SMALL_SHOW, 10))
    await store.apply_payments([refused(order)])
    next_order, _ = await store.place(command(SMALL_SHOW, 10))
    assert next_order.seats == order.seats
    await store.apply_payments([refused(order)])  # told again: the seats are another's now
    assert await sold(database, SMALL_SHOW) == 10
    assert (await store.get(uuid.UUID(order.id), order.account_id))[0].status == "declined"


async def test_what_was_decided_stays(store: Store) -> None:
    order, _ = await store.place(command())
    await store.apply_payments([refused(order)])
    await store.apply_payments([paid(order)])
    assert (await store.get(uuid.UUID(order.id), order.account_id))[0].status == "declined"


async def test_a_connection_that_breaks_under_way_is_not_noticed(
    store: Store, database: Database, postgres: Postgres
) -> None:
    """Every connection is cut while orders are placed; each is placed, and none twice."""
    killer = await asyncpg.connect(postgres("orders"))
    commands = [command() for _ in range(40)]

    async def cut() -> None:
        for _ in range(4):
            await asyncio.sleep(0.03)
            await killer.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = 'orders' AND pid <> pg_backend_pid()"
                " AND backend_type = 'client backend' LIMIT 3"
            )

    answers, _ = await asyncio.gather(asyncio.gather(*map(store.place, commands)), cut())
    await killer.close()
    seats = [seat for order, _ in answers for seat in order.seats]
    assert len(seats) == len(set(seats)) == 80
    assert await sold(database, BIG_SHOW) == 80


async def test_migrating_again_changes_nothing(store: Store, database: Database) -> None:
    async def fill(connection: Connection) -> None:
        await put_on_sale(connection, SEATS)

    await store.place(command())
    await database.migrate(SCHEMA, MIGRATIONS, fill=fill)
    assert await sold(database, BIG_SHOW) == 2


async def test_orders_are_listed_newest_first_and_page_by_page(store: Store) -> None:
    account = str(uuid.uuid4())
    placed = [
        (await store.place(replace(command(seats=1), account_id=account)))[0] for _ in range(5)
    ]
    newest_first = [o.id for o in reversed(placed)]
    page, age = await store.of_account(account, 3, None)
    rest, _ = await store.of_account(account, 3, Place.of(page[-1]))
    assert [o.id for o in page + rest] == newest_first
    assert age == 0


async def test_reading_on_does_not_need_the_order_that_a_page_ended_with(store: Store) -> None:
    """As on a replica that does not have it yet."""
    account = str(uuid.uuid4())
    older, _ = await store.place(replace(command(seats=1), account_id=account))
    newer, _ = await store.place(command(seats=1))
    assert (await store.of_account(account, 3, Place.of(newer)))[0] == [older]


async def test_who_takes_an_older_answer_is_told_how_old(
    database: Database, postgres: Postgres
) -> None:
    async with Database.open(postgres("orders"), size=2, prefer="127.0.0.1") as replica:
        store = Store(database, replica)
        order, _ = await store.place(command())
        found, age = await store.get(uuid.UUID(order.id), order.account_id, eventual=True)
    assert found == order
    assert 0 <= age < 5  # the server is a primary: its own age is 0, and the reading took a moment


async def test_without_a_replica_the_primary_answers(database: Database) -> None:
    nowhere = "postgresql://orders:x@127.0.0.1:1/orders"
    async with Database.open(nowhere, size=2, prefer="127.0.0.1") as replica:
        store = Store(database, replica)
        order, _ = await store.place(command())
        assert await store.get(uuid.UUID(order.id), order.account_id, eventual=True) == (order, 0)
