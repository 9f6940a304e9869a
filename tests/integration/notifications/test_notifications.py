"""notifications as a real process, on a real Kafka and Postgres; a subscriber is held up for real.

Topic and tables are shared by the tests: each counts only the orders that are its own.
"""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import asyncpg
import httpx
import pytest

from chassis.bus.dead_letters import TOPIC as DEAD_LETTERS
from chassis.bus.event import Event
from tests.integration.bus import Bus, speaking
from tests.integration.conftest import Service, StartService

pytestmark = pytest.mark.timeout(180)  # a killed member's partitions are free after six seconds

StartNotifications = Callable[..., Service]


@pytest.fixture(scope="module")
def bus(kafka: str) -> Iterator[Bus]:
    with speaking(kafka) as bus:
        yield bus


@pytest.fixture
def start_notifications(
    start_service: StartService, kafka: str, postgres: Callable[[str], str]
) -> Iterator[StartNotifications]:
    """Starts instances that are gone when the test is."""
    started: list[Service] = []

    def start(**changes: str) -> Service:
        settings = {"KAFKA_BROKERS": kafka, "POSTGRES_DSN": postgres("notifications")}
        started.append(start_service("notifications", **settings | changes))
        return started[-1]

    yield start
    for service in started:
        if service.process.poll() is None:
            assert service.stop() == 0


@pytest.fixture
async def db(postgres: Callable[[str], str]) -> AsyncIterator[Any]:
    connection = await asyncpg.connect(postgres("notifications"))
    await connection.execute(
        "SET idle_in_transaction_session_timeout = 0; SET transaction_timeout = 0"
    )
    yield connection
    await connection.close()


def about(kind: str, order_id: str, show_id: int) -> Event:
    data = {
        "order_id": order_id,
        "account_id": str(uuid.uuid4()),
        "show_id": show_id,
        "seats": [1, 2],
        "amount": 3000,
        "currency": "EUR",
        "card": "tok_ok",
    }
    return Event.about(order_id, kind, str(show_id), data)


class Orders:
    """Orders placed and confirmed, for a show, and so in a partition, that no other test uses."""

    shows = iter(range(1_000, 100_000))

    def __init__(self, count: int) -> None:
        self.show_id = next(self.shows)
        self.ids: list[str] = []
        self.events: list[Event] = []
        self.more(count)

    def more(self, count: int) -> list[Event]:
        """Some more of the same show."""
        new = [str(uuid.uuid4()) for _ in range(count)]
        self.ids += new
        kinds = ("OrderPlaced", "OrderConfirmed")
        events = [about(kind, i, self.show_id) for i in new for kind in kinds]
        self.events += events
        return events

    async def emails(self, db: Any) -> int:
        return await self._count(db, "email_outbox")

    async def texts(self, db: Any) -> int:
        return await self._count(db, "text_outbox")

    async def _count(self, db: Any, table: str) -> int:
        found: int = await db.fetchval(
            f"SELECT count(*) FROM {table} WHERE order_id = ANY($1::uuid[])",  # noqa: S608
            self.ids,
        )
        return found

    async def statistics(self, db: Any) -> tuple[int, int, int, int] | None:
        row = await db.fetchrow(
            "SELECT placed, confirmed, declined, revenue FROM statistics WHERE show_id = $1",
            self.show_id,
        )
        return tuple(row) if row else None

    async def had_their_effect(self, db: Any) -> bool:
        n = len(self.ids)
        return (
            await self.emails(db) == 2 * n
            and await self.texts(db) == n
            and await self.statistics(db) == (n, n, 0, 3000 * n)
        )


async def eventually(check: Callable[[], Any], what: str, seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while not await check():
        assert time.monotonic() < until, f"{what}, within {seconds} s"
        await asyncio.sleep(0.1)


async def all_once(bus: Bus, db: Any, orders: Orders) -> None:
    """All have their effect, and still once when all that was published before is through."""
    await eventually(lambda: orders.had_their_effect(db), "all effects")
    bus.publish("orders", *orders.more(1))
    await eventually(lambda: orders.had_their_effect(db), "all effects, once each")
    letters = await asyncio.to_thread(bus.read_all, DEAD_LETTERS)
    own = {event.encode() for event in orders.events}
    assert [x for x in letters if x.value in own] == [], "none was given up"


async def get(service: Service, path: str) -> httpx.Response:
    async with httpx.AsyncClient(base_url=service.url) as client:
        return await client.get(path)


async def test_each_subscriber_has_its_effect_once_however_often_an_event_comes(
    bus: Bus, db: Any, start_notifications: StartNotifications
) -> None:
    service, orders = start_notifications(), Orders(20)
    for _ in range(3):
        bus.publish("orders", *orders.events)

    await all_once(bus, db, orders)

    answer = (await get(service, "/statistics")).json()
    assert {
        "show_id": orders.show_id,
        "placed": 21,
        "confirmed": 21,
        "declined": 0,
        "revenue": {"amount": 63_000, "currency": "EUR"},
    } in answer["items"]
    assert answer["total"]["placed"] >= 21


async def test_one_subscriber_that_cannot_work_stops_no_other(
    bus: Bus, db: Any, start_notifications: StartNotifications
) -> None:
    service, orders = start_notifications(), Orders(30)
    async with db.transaction():
        await db.execute("LOCK TABLE text_outbox IN ACCESS EXCLUSIVE MODE")
        bus.publish("orders", *orders.events)

        async def others_are_done() -> bool:
            return await orders.emails(db) == 60 and await orders.statistics(db) is not None

        await eventually(others_are_done, "e-mails and statistics")

        async def text_has_waited() -> bool:
            return 'bus_retries_total{group="text"}' in (await get(service, "/metrics")).text

        await eventually(text_has_waited, "a text that waits")
        assert await orders.texts(db) == 0

    await all_once(bus, db, orders)  # so none was given up: a dead letter has no effect


async def test_a_bad_event_is_a_dead_letter_of_each_and_the_others_go_on(
    bus: Bus, db: Any, start_notifications: StartNotifications
) -> None:
    start_notifications()
    orders = Orders(5)
    bad = about("OrderConfirmed", str(uuid.uuid4()), orders.show_id)
    del bad.data["seats"]
    bus.publish("orders", *orders.events[:4], bad, *orders.events[4:])

    await all_once(bus, db, orders)
    letters = await asyncio.to_thread(
        bus.read_until, "dead-letters", lambda records: len(_groups(records, bad)) >= 3
    )

    assert sorted(_groups(letters, bad)) == ["email", "statistics", "text"]


def _groups(records: list[Any], event: Event) -> list[str]:
    ours = [r for r in records if r.value == event.encode()]
    groups = [dict(r.headers)["group"].decode() for r in ours]
    return [g for g in groups if g in ("email", "text", "statistics")]


async def test_killed_in_mid_work_every_effect_is_there_once(
    bus: Bus, db: Any, start_notifications: StartNotifications
) -> None:
    victim, orders = start_notifications(), Orders(600)
    bus.publish("orders", *orders.events)
    await eventually(lambda: orders.emails(db), "some e-mails")
    victim.kill()

    start_notifications()

    await all_once(bus, db, orders)


async def test_subscribers_can_be_processes_of_their_own(
    bus: Bus, db: Any, start_notifications: StartNotifications
) -> None:
    orders = Orders(3)
    start_notifications(SUBSCRIBERS="email")
    bus.publish("orders", *orders.events)
    await eventually(lambda: orders.emails(db), "e-mails")
    assert await orders.texts(db) == 0

    start_notifications(SUBSCRIBERS="text,statistics")
    await all_once(bus, db, orders)
