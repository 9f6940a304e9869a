"""Each process is killed at each step of its work, on first delivery and on redelivery.

Between effect and commit, commit and publish, publish and mark, effect and offset. Each test says
what must be true once the process has been started again: done, and done once.
"""

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import asyncpg
import httpx
import pytest

from chassis.bus.event import Event
from tests.integration.bus import Bus, speaking
from tests.integration.conftest import Service, StartService, wait_until

pytestmark = pytest.mark.timeout(180)

LAUNCHER = ("tests.integration.crash.launch",)
API_KEY = "a-secret-of-the-tests"
QUICK = {"latency_ms": 0, "jitter_ms": 0, "error_rate": 0, "hang_rate": 0}

Dsn = Callable[[str], str]


class Mortal:
    """A service that is started with a point to die at, and again until it lives."""

    def __init__(self, start: StartService, name: str, environment: dict[str, str]) -> None:
        self._start = start
        self._name = name
        self._environment = environment
        self.service: Service | None = None

    def begin(self, at: str, on: str) -> Service:
        """Alive, until it comes to the point."""
        point = {"CRASH_AT": at, "CRASH_ON": on}
        self.service = self._start(self._name, launcher=LAUNCHER, **self._environment, **point)
        return self.service

    def has_died(self) -> None:
        """It came to the point: a test of a point that is never reached would say nothing."""
        assert self.service is not None
        process = self.service.process
        wait_until(lambda: process.poll() is not None, "its death", seconds=60)
        assert process.returncode == -9

    def again(self) -> Service:
        """Started anew, with nothing to die of."""
        self.service = self._start(self._name, launcher=LAUNCHER, **self._environment)
        return self.service

    def dies_again(self, at: str, on: str) -> None:
        """Started anew, and dead at the same point, by the redelivered event."""
        self._start_dying(at, on)
        self.has_died()

    def _start_dying(self, at: str, on: str) -> None:
        try:
            self.begin(at, on)
        except AssertionError:  # it died before it was ready: soon enough
            assert self.service is not None


@pytest.fixture(scope="module")
def bus(kafka: str) -> Iterator[Bus]:
    with speaking(kafka) as bus:
        yield bus


@pytest.fixture
def mortal(
    start_service: StartService, kafka: str, postgres: Dsn
) -> Iterator[Callable[..., Mortal]]:
    made: list[Mortal] = []

    def make(name: str, **environment: str) -> Mortal:
        common = {"KAFKA_BROKERS": kafka}
        if name != "payments":
            common["POSTGRES_DSN"] = postgres(name)
        made.append(Mortal(start_service, name, common | environment))
        return made[-1]

    yield make
    for one in made:
        if one.service is not None and one.service.process.poll() is None:
            assert one.service.stop() == 0


async def rows(dsn: str, query: str, *args: Any) -> list[Any]:
    connection = await asyncpg.connect(dsn)
    try:
        found: list[Any] = await connection.fetch(query, *args)
        return found
    finally:
        await connection.close()


async def place(service: Service, account: str, body: dict[str, int]) -> httpx.Response:
    """Always with the same key."""
    headers = {"X-Account-Id": account, "Idempotency-Key": "once"}
    async with httpx.AsyncClient(base_url=service.url, timeout=10) as client:
        return await client.post("/orders", json=body, headers=headers)


async def eventually(dsn: str, query: str, *args: Any, are: list[Any]) -> None:
    """The rows' first columns come to be these, and are still so when a later event is through."""
    until = time.monotonic() + 40
    while (found := [row[0] for row in await rows(dsn, query, *args)]) != are:
        assert time.monotonic() < until, f"{found}, not {are}: {query}"


def about(kind: str, order_id: str, show_id: int = 7, **more: Any) -> Event:
    data = {
        "order_id": order_id,
        "account_id": str(uuid.uuid4()),
        "show_id": show_id,
        "seats": [1, 2],
        "amount": 4200,
        "currency": "EUR",
        "card": "tok_ok",
        "acquirer_reference": "ch_1",
    }
    return Event.about(order_id, kind, str(show_id), data | more)


def told(bus: Bus, topic: str, kind: str, about_whom: str) -> list[str]:
    """The ids of the events of a kind about somebody: one id, however often it was said."""

    def meant(records: list[Any]) -> list[Event]:
        events = [Event.decode(r.key, r.value) for r in records if about_whom.encode() in r.value]
        return [e for e in events if e.type == kind]

    return [e.id for e in meant(bus.read_until(topic, lambda r: bool(meant(r))))]


# ---- orders: key, seats, order and event; then the relay ----------------------------------------


@pytest.mark.parametrize(
    ("at", "on"),
    [
        pytest.param("after services.orders.store:_place", "", id="effect and commit"),
        pytest.param("after services.orders.store:Store.place", "", id="commit and answer"),
        pytest.param("before chassis.bus.producer:Producer.publish", "", id="commit and publish"),
        pytest.param("after chassis.bus.producer:Producer.publish", "", id="publish and mark"),
        pytest.param(
            "after chassis.store.postgres:Database.execute", "UPDATE outbox", id="after mark"
        ),
    ],
)
async def test_an_order_is_placed_once_and_told_of(
    mortal: Callable[..., Mortal], bus: Bus, postgres: Dsn, at: str, on: str
) -> None:
    account = str(uuid.uuid4())
    orders = mortal("orders")
    body = {"show_id": 3, "seats": 2}

    service = orders.begin(at, on or account)
    with suppress(httpx.HTTPError):  # no answer: nobody knows, and the key will tell
        await place(service, account, body)
    orders.has_died()
    answer = await place(orders.again(), account, body)

    assert answer.status_code == 201, answer.text
    order_id = answer.json()["id"]
    assert set(told(bus, "orders", "OrderPlaced", account)) == set(
        told(bus, "orders", "OrderPlaced", order_id)
    )
    assert len(set(told(bus, "orders", "OrderPlaced", account))) == 1
    dsn = postgres("orders")
    mine = "SELECT id::text FROM orders WHERE account_id = $1"
    await eventually(dsn, mine, uuid.UUID(account), are=[order_id])
    seats = "SELECT count(*) FROM seats WHERE order_id = $1"
    await eventually(dsn, seats, uuid.UUID(order_id), are=[2])
    await eventually(dsn, "SELECT count(*) FROM outbox WHERE told_at IS NULL", are=[0])


@pytest.mark.parametrize(
    "at",
    [
        pytest.param("after services.orders.store:_apply_payments", id="effect and commit"),
        pytest.param("after services.orders.store:Store.apply_payments", id="commit and offset"),
    ],
)
async def test_an_order_is_confirmed_once(
    mortal: Callable[..., Mortal], bus: Bus, postgres: Dsn, at: str
) -> None:
    account, orders = str(uuid.uuid4()), mortal("orders")
    service = orders.again()
    placed = await place(service, account, {"show_id": 4, "seats": 1})
    order_id = placed.json()["id"]
    assert service.stop() == 0

    orders.begin(at, order_id)
    bus.publish("payments", about("PaymentCaptured", order_id))
    orders.has_died()
    orders.dies_again(at, order_id)
    orders.again()

    state = "SELECT status FROM orders WHERE id = $1"
    await eventually(postgres("orders"), state, uuid.UUID(order_id), are=["confirmed"])
    assert len(set(told(bus, "orders", "OrderConfirmed", order_id))) == 1


# ---- payments: charged, told, and only then the offset ------------------------------------------


@pytest.mark.parametrize(
    "at",
    [
        pytest.param("after services.payments.acquirer:Acquirer.charge", id="charge and publish"),
        pytest.param("after chassis.bus.producer:Producer.publish", id="publish and offset"),
    ],
)
def test_an_order_is_charged_once_and_told_of(
    mortal: Callable[..., Mortal], bus: Bus, start_service: StartService, postgres: Dsn, at: str
) -> None:
    acquirer = start_service(
        "acquirer", POSTGRES_DSN=postgres("acquirer"), ACQUIRER_API_KEY=API_KEY
    )
    customer = {"Authorization": f"Bearer {API_KEY}"}
    knobs = httpx.put(f"{acquirer.url}/knobs", json=QUICK, headers=customer)
    assert knobs.status_code == 200
    order_id = str(uuid.uuid4())
    payments = mortal("payments", MESH=acquirer.url, ACQUIRER_API_KEY=API_KEY)

    payments.begin(at, order_id)
    bus.publish("orders", about("OrderPlaced", order_id))
    payments.has_died()
    payments.dies_again(at, order_id)
    payments.again()

    assert len(set(told(bus, "payments", "PaymentCaptured", order_id))) == 1
    charge = httpx.get(f"{acquirer.url}/charges/{order_id}", headers=customer)
    assert charge.json()["status"] == "captured"


# ---- who listens: effect and inbox in one transaction, then the offset --------------------------


@pytest.mark.parametrize(
    "at",
    [
        pytest.param("after services.tickets.store:_insert", id="effect and commit"),
        pytest.param("after services.tickets.store:Store.apply_orders", id="commit and offset"),
    ],
)
async def test_tickets_are_issued_once(
    mortal: Callable[..., Mortal], bus: Bus, postgres: Dsn, at: str
) -> None:
    order_id, show_id = str(uuid.uuid4()), uuid.uuid4().int % 1_000_000 + 1_000
    tickets = mortal("tickets", MESH="http://127.0.0.1:1", TICKET_SIGNING_KEY="07" * 32)

    tickets.begin(at, order_id)
    bus.publish("orders", about("OrderConfirmed", order_id, show_id))
    tickets.has_died()
    tickets.dies_again(at, order_id)
    tickets.again()

    issued = "SELECT seat FROM tickets WHERE order_id = $1 ORDER BY seat"
    await eventually(postgres("tickets"), issued, uuid.UUID(order_id), are=[1, 2])


@pytest.mark.parametrize(
    "at",
    [
        pytest.param("after services.catalog.store:_apply_orders", id="effect and commit"),
        pytest.param("after services.catalog.store:Store.apply_orders", id="commit and offset"),
    ],
)
async def test_free_seats_move_once(
    mortal: Callable[..., Mortal], bus: Bus, postgres: Dsn, redis: tuple[str, str], at: str
) -> None:
    order_id, show_id = str(uuid.uuid4()), 11
    catalog = mortal("catalog", REDIS_NODES=redis[0], REDIS_PASSWORD=redis[1])
    service = catalog.again()
    left = "SELECT seats_left FROM availability WHERE show_id = $1"
    before = (await rows(postgres("catalog"), left, show_id))[0][0]
    assert service.stop() == 0

    catalog.begin(at, order_id)
    bus.publish("orders", about("OrderPlaced", order_id, show_id))
    catalog.has_died()
    catalog.dies_again(at, order_id)
    catalog.again()

    await eventually(postgres("catalog"), left, show_id, are=[before - 2])
    bus.publish("orders", about("OrderDeclined", order_id, show_id, reason="declined"))
    await eventually(postgres("catalog"), left, show_id, are=[before])


@pytest.mark.parametrize(
    "at",
    [
        pytest.param("after chassis.bus.inbox:take_new", id="mark and effect"),
        pytest.param(
            "after services.notifications.subscribers.subscriber:Subscriber.receive",
            id="commit and offset",
        ),
    ],
)
async def test_each_subscriber_has_its_effect_once(
    mortal: Callable[..., Mortal], bus: Bus, postgres: Dsn, at: str
) -> None:
    order_id, show_id = str(uuid.uuid4()), uuid.uuid4().int % 1_000_000 + 1_000
    notifications = mortal("notifications")

    notifications.begin(at, order_id)
    bus.publish("orders", about("OrderConfirmed", order_id, show_id))
    notifications.has_died()
    notifications.dies_again(at, order_id)
    notifications.again()

    dsn, mine = postgres("notifications"), "count(*) FROM {} WHERE order_id = $1"
    for table in ("email_outbox", "text_outbox"):
        await eventually(dsn, "SELECT " + mine.format(table), uuid.UUID(order_id), are=[1])
    confirmed = "SELECT confirmed FROM statistics WHERE show_id = $1"
    await eventually(dsn, confirmed, show_id, are=[1])
