"""What a real broker was told is read from a moment on, to its end, in its order."""

import time
import uuid

from chassis.bus.event import Event
from gamedays.workloads.told import told
from tests.integration.bus import speaking


def event(order: str, kind: str, show: int) -> Event:
    return Event.about(order, kind, str(show), {"order_id": order})


def test_what_was_told_since_is_read_in_order(kafka: str) -> None:
    show = uuid.uuid4().int % 10**9
    before, first, second = (str(uuid.uuid4()) for _ in range(3))
    with speaking(kafka) as bus:
        bus.publish("orders", event(before, "OrderPlaced", show))
        since = time.time()
        bus.publish("orders", event(first, "OrderPlaced", show))
        bus.publish("payments", event(first, "PaymentCaptured", show))
        bus.publish_raw("orders", (str(show).encode(), b"no event"))
        bus.publish("orders", event(first, "OrderConfirmed", show))
        bus.publish("orders", event(second, "OrderPlaced", show))
    rows = [row for row in told([kafka], since) if row["show_id"] == show]
    orders = [row for row in rows if row["topic"] == "orders"]
    assert [(r["order_id"], r["kind"]) for r in orders] == [
        (first, "OrderPlaced"),
        (first, "OrderConfirmed"),
        (second, "OrderPlaced"),
    ]
    assert len({row["partition"] for row in orders}) == 1
    assert all(since - 0.001 <= row["at"] <= time.time() for row in rows)
    assert [r["kind"] for r in rows if r["topic"] == "payments"] == ["PaymentCaptured"]
