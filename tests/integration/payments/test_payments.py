"""payments and the acquirer as real processes, on a real Kafka; payments is killed for real."""

import re
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from chassis.bus.event import Event
from tests.integration.bus import Bus, speaking
from tests.integration.conftest import Service, StartService, wait_until

pytestmark = pytest.mark.timeout(180)  # a killed member's partitions are free after six seconds

API_KEY = "a-secret-of-the-tests"
StartPayments = Callable[..., Service]
QUICK = {"latency_ms": 0, "jitter_ms": 0, "error_rate": 0, "hang_rate": 0}


@pytest.fixture(scope="module")
def bus(kafka: str) -> Iterator[Bus]:
    with speaking(kafka) as bus:
        yield bus


@pytest.fixture(scope="module")
def acquirer_url(start_service: StartService, postgres: Callable[[str], str]) -> str:
    return start_service(
        "acquirer", POSTGRES_DSN=postgres("acquirer"), ACQUIRER_API_KEY=API_KEY
    ).url


@pytest.fixture
def acquirer(acquirer_url: str) -> Iterator[httpx.Client]:
    customer = {"Authorization": f"Bearer {API_KEY}"}
    with httpx.Client(base_url=acquirer_url, headers=customer) as client:
        turn(client)
        yield client
        turn(client)


@pytest.fixture
def start_payments(
    start_service: StartService, kafka: str, acquirer_url: str
) -> Iterator[StartPayments]:
    """Starts instances that are gone when the test is: each has the orders to itself."""
    started: list[Service] = []

    def start(**changes: str) -> Service:
        settings = {"KAFKA_BROKERS": kafka, "MESH": acquirer_url, "ACQUIRER_API_KEY": API_KEY}
        started.append(start_service("payments", **settings | changes))
        return started[-1]

    yield start
    for service in started:
        if service.process.poll() is None:
            assert service.stop() == 0


def turn(acquirer: httpx.Client, **knobs: float) -> None:
    assert acquirer.put("/knobs", json=QUICK | knobs).status_code == 200


def placed(card: str = "tok_ok", show_id: int = 7) -> Event:
    order_id = str(uuid.uuid4())
    return Event.about(
        order_id,
        "OrderPlaced",
        str(show_id),
        {
            "order_id": order_id,
            "account_id": str(uuid.uuid4()),
            "show_id": show_id,
            "seats": [1],
            "amount": 4200,
            "currency": "EUR",
            "card": card,
        },
    )


def payments_of(bus: Bus, *orders: Event) -> list[Event]:
    """What was told of the orders, once something was told of each."""
    wanted = {o.data["order_id"] for o in orders}

    def told(records: list[Any]) -> list[Event]:
        events = [Event.decode(r.key, r.value) for r in records]
        return [e for e in events if e.data["order_id"] in wanted]

    def all_told(records: list[Any]) -> bool:
        return {e.data["order_id"] for e in told(records)} == wanted

    return told(bus.read_until("payments", all_told, seconds=60))


def charged(acquirer: httpx.Client, order: Event) -> bool:
    return acquirer.get(f"/charges/{order.data['order_id']}").status_code == 200


def metric(service: Service, name: str) -> float:
    text = httpx.get(f"{service.url}/metrics").text
    found = re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)
    return float(found[1]) if found else 0.0


def test_an_order_is_captured_or_declined_by_its_card(
    bus: Bus, acquirer: httpx.Client, start_payments: StartPayments
) -> None:
    start_payments()
    good, bad, slow = placed(), placed("tok_declined"), placed("tok_slow")
    bus.publish("orders", slow, good, bad)

    told = {e.data["order_id"]: e for e in payments_of(bus, good, bad, slow)}

    assert {o.data["order_id"]: told[o.data["order_id"]].type for o in (good, bad, slow)} == {
        good.data["order_id"]: "PaymentCaptured",
        bad.data["order_id"]: "PaymentDeclined",
        slow.data["order_id"]: "PaymentCaptured",
    }
    charge = acquirer.get(f"/charges/{good.data['order_id']}").json()
    capture = told[good.data["order_id"]]
    assert capture.key == "7"
    assert capture.data["acquirer_reference"] == charge["id"]
    assert capture.traceparent.split("-")[1] == good.traceparent.split("-")[1]


def test_what_is_no_order_is_a_dead_letter_and_the_next_is_paid(
    bus: Bus, acquirer: httpx.Client, start_payments: StartPayments
) -> None:
    start_payments()
    free, order = placed(), placed()
    free.data["amount"] = 0
    noise = uuid.uuid4().bytes
    bus.publish_raw("orders", (b"7", noise))
    bus.publish("orders", free, order)

    payments_of(bus, order)
    letters = bus.read_until(
        "dead-letters",
        lambda records: {noise, free.encode()} <= {r.value for r in records},
    )

    headers = {r.value: dict(r.headers) for r in letters}
    assert headers[noise]["group"] == b"payments"
    assert headers[noise]["source_topic"] == b"orders"
    assert headers[free.encode()]["tries"] == b"3"
    assert not charged(acquirer, free)


def test_while_the_acquirer_fails_orders_wait_and_none_is_given_up(
    bus: Bus, acquirer: httpx.Client, start_payments: StartPayments
) -> None:
    one = start_payments()
    turn(acquirer, error_rate=1.0)
    orders = [placed(show_id=n) for n in range(40)]
    bus.publish("orders", *orders)
    wait_until(lambda: metric(one, 'breaker_state{name="acquirer"}') == 2, "an open breaker")

    turn(acquirer)
    told = payments_of(bus, *orders)

    assert {e.type for e in told} == {"PaymentCaptured"}
    assert len({e.id for e in told}) == 40
    assert all(charged(acquirer, o) for o in orders)
    assert metric(one, 'breaker_state{name="acquirer"}') == 0


def test_killed_between_charge_and_telling_it_charges_once_and_tells(
    bus: Bus, acquirer: httpx.Client, start_payments: StartPayments
) -> None:
    turn(acquirer, latency_ms=8_000)  # charged after four seconds, answered after eight
    victim, order = start_payments(ATTEMPT_SECONDS="20", CHARGE_SECONDS="20"), placed()
    bus.publish("orders", order)
    wait_until(lambda: charged(acquirer, order), "a charge")
    victim.kill()
    first = acquirer.get(f"/charges/{order.data['order_id']}").json()

    turn(acquirer)
    start_payments()
    told = payments_of(bus, order)

    assert [e.id for e in told] == [
        str(uuid.uuid5(uuid.UUID(order.data["order_id"]), "PaymentCaptured"))
    ]
    assert told[0].data["acquirer_reference"] == first["id"]
    assert acquirer.get(f"/charges/{order.data['order_id']}").json() == first


def test_instances_come_and_go_and_every_order_is_paid_once(
    bus: Bus, acquirer: httpx.Client, start_payments: StartPayments
) -> None:
    turn(acquirer, latency_ms=300, jitter_ms=300)  # so that a rebalance finds orders in hand
    first = start_payments()
    orders = [placed(show_id=n % 20) for n in range(600)]
    bus.publish("orders", *orders[:200])
    second = start_payments()
    bus.publish("orders", *orders[200:400])
    wait_until(lambda: metric(second, 'bus_consumed_total{group="payments"}') > 0, "a share")
    first.stop()
    bus.publish("orders", *orders[400:])

    told = payments_of(bus, *orders)

    assert {e.type for e in told} == {"PaymentCaptured"}
    assert len({e.id for e in told}) == len(orders)


def test_a_stop_finishes_what_is_in_hand(
    bus: Bus, acquirer: httpx.Client, start_payments: StartPayments
) -> None:
    turn(acquirer, latency_ms=2_000)
    service, order = start_payments(), placed()
    bus.publish("orders", order)
    wait_until(lambda: metric(service, 'bulkhead_in_use{name="acquirer"}') == 1, "a charge begun")

    assert service.stop() == 0

    # Told by the one that was stopped, and committed: its successor has only the next one to do.
    last = placed()
    start_payments()
    bus.publish("orders", last)
    told = payments_of(bus, order, last)
    assert [e.data["order_id"] for e in told] == [order.data["order_id"], last.data["order_id"]]
