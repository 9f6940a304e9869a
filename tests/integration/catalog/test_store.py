"""The read model on a real Postgres."""

import uuid

import orjson
import pytest

from chassis.bus.event import Event
from chassis.bus.outbox import SCHEMA
from chassis.store.postgres import Connection, Database
from services.catalog.decisions import Season
from services.catalog.main import MIGRATIONS
from services.catalog.store import Store, UnknownShow, put_on_show
from services.programme import programme

SHOWS = programme()


async def fill(connection: Connection) -> None:
    await put_on_show(connection, SHOWS)


@pytest.fixture
def store(database: Database) -> Store:
    return Store(database)


def event(kind: str, show_id: int, seats: int, order_id: str | None = None) -> Event:
    data = {"show_id": show_id, "seats": list(range(1, seats + 1))}
    return Event.about(order_id or str(uuid.uuid4()), kind, str(show_id), data)


async def seats_left(store: Store, show_id: int) -> int:
    show = Season(await store.season()).show(show_id)
    assert show is not None
    return int(orjson.loads(show.body)["seats_left"])


async def test_all_shows_are_there_with_all_their_seats(store: Store) -> None:
    season = [orjson.loads(line) for line in (await store.season()).split(b"\n")]

    assert [answer["id"] for answer in season] == [show.id for show in SHOWS]
    for show, answer in zip(SHOWS, season, strict=True):
        assert answer["title"] == show.title
        assert answer["venue"]["name"] == show.venue.name
        assert answer["seats_left"] == answer["seats_total"] == show.seats_total


async def test_filling_again_changes_nothing(store: Store, database: Database) -> None:
    await store.apply_orders([event("OrderPlaced", 3, 2)])
    before = await store.season()

    await database.migrate(SCHEMA, MIGRATIONS, fill=fill)

    assert await store.season() == before


async def test_orders_move_the_free_seats(store: Store) -> None:
    first, second = SHOWS[0], SHOWS[1]
    order_id = str(uuid.uuid4())

    await store.apply_orders(
        [
            event("OrderPlaced", first.id, 4, order_id),
            event("OrderPlaced", second.id, 1),
            event("OrderPlaced", first.id, 2),
        ]
    )
    await store.apply_orders([event("OrderDeclined", first.id, 4, order_id)])

    assert await seats_left(store, first.id) == first.seats_total - 2
    assert await seats_left(store, second.id) == second.seats_total - 1


async def test_an_event_that_comes_again_changes_nothing(store: Store) -> None:
    show = SHOWS[4]
    placed = event("OrderPlaced", show.id, 3)

    await store.apply_orders([placed, placed])
    await store.apply_orders([event("OrderPlaced", show.id, 1), placed])

    assert await seats_left(store, show.id) == show.seats_total - 4


async def test_a_batch_with_an_unknown_show_leaves_no_trace(store: Store) -> None:
    show = SHOWS[6]
    known, unknown = event("OrderPlaced", show.id, 1), event("OrderPlaced", 999, 1)

    with pytest.raises(UnknownShow):
        await store.apply_orders([known, unknown])
    assert await seats_left(store, show.id) == show.seats_total

    await store.apply_orders([known])
    assert await seats_left(store, show.id) == show.seats_total - 1
