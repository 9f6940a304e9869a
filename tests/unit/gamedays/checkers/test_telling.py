from typing import Any

import pytest

from gamedays.checkers.telling import in_order, in_time
from gamedays.history import History, Record
from tests.unit.gamedays.script import call, history, truth

Rows = list[dict[str, Any]]


def row(
    offset: int, order: str, kind: str, at: float, *, topic: str = "orders", partition: int = 0
) -> dict[str, Any]:
    return {
        "topic": topic, "partition": partition, "offset": offset, "show_id": 7,
        "order_id": order, "kind": kind, "at": at,
    }  # fmt: skip


def placed(order: str, begin: float, end: float | None) -> list[Record]:
    answered = {"order": order, "seats": [1]} if end is not None else None
    return call("order", f"key-{order}", begin, end, answered=answered)


ORDERS = ("o1", "o2", "o3")
TOLD = [
    row(0, "o1", "OrderPlaced", 10.1),
    row(0, "o1", "PaymentCaptured", 10.2, topic="payments"),
    row(1, "o1", "OrderConfirmed", 10.3),
    row(2, "o2", "OrderPlaced", 20.1),
    row(1, "o2", "PaymentDeclined", 20.2, topic="payments"),
    row(3, "o2", "OrderDeclined", 20.3),
]
EMAIL = [
    {"order_id": "o1", "kind": "OrderPlaced", "told_at": 11.1},
    {"order_id": "o1", "kind": "OrderConfirmed", "told_at": 11.1},
    {"order_id": "o2", "kind": "OrderPlaced", "told_at": 21.0},
    {"order_id": "o2", "kind": "OrderDeclined", "told_at": 21.0},
]


def run(
    *more: list[Record],
    told: Rows = TOLD,
    email: Rows = EMAIL,
    tickets: tuple[tuple[str, float], ...] = (("o1", 10.5),),
    ours: tuple[str, ...] = ORDERS,
) -> History:
    """Two orders of one show, the second asked for after the first had been acknowledged."""
    return history(
        placed("o1", 10.0, 10.2),
        placed("o2", 20.0, 20.2),
        truth("orders", [{"id": o, "key": f"key-{o}", "ours": o in ours} for o in ORDERS]),
        truth("told", told),
        truth("email", email),
        truth("tickets", [{"order_id": o, "issued_at": at} for o, at in tickets]),
        *more,
    )


def swapped(rows: Rows, one: int, other: int) -> Rows:
    """With the offsets of two rows exchanged."""
    found = [dict(r) for r in rows]
    found[one]["offset"], found[other]["offset"] = rows[other]["offset"], rows[one]["offset"]
    return found


def test_a_show_that_was_told_of_in_order_is_valid() -> None:
    verdict = in_order(run())
    assert verdict.valid, verdict.detail
    assert verdict.detail.startswith("4 events of 1 shows")


def test_a_later_copy_is_no_reordering() -> None:
    again = [*TOLD, row(4, "o1", "OrderPlaced", 10.1), row(5, "o1", "OrderConfirmed", 10.3)]
    assert in_order(run(told=again)).valid


def test_an_order_that_was_told_after_a_later_one_was_overtaken() -> None:
    ahead = [dict(r) for r in TOLD]
    for n, offset in ((3, -2), (5, -1)):
        ahead[n]["offset"] = offset
    verdict = in_order(run(told=ahead, email=[]))
    assert verdict.valid is False
    assert verdict.detail == "order o1 was told after o2, which is the later one"


def test_orders_that_overlap_have_no_order_of_their_own() -> None:
    late = [row(-1, "o3", "OrderPlaced", 10.1), *TOLD]
    assert in_order(run(placed("o3", 9.9, 10.1), told=late)).valid
    assert in_order(run(placed("o3", 10.1, 30.0), told=late)).valid


def test_one_that_nobody_was_told_of_may_be_anywhere_after_it_was_asked_for() -> None:
    nobody_knows = placed("o3", 9.0, None)
    assert in_order(run(nobody_knows, told=[*TOLD, row(9, "o3", "OrderPlaced", 60.0)])).valid
    early = in_order(run(placed("o3", 15.0, None), told=[row(-1, "o3", "OrderPlaced", 1), *TOLD]))
    assert early.valid is False
    assert early.detail == "order o1 was told after o3, which is the later one"


def test_a_decision_before_the_order_is_reordered() -> None:
    verdict = in_order(run(told=swapped(TOLD, 0, 2), email=[]))
    assert verdict.valid is False
    assert verdict.detail == "OrderConfirmed of o1 was told before it was placed"


def test_a_show_in_two_partitions_has_no_order() -> None:
    verdict = in_order(run(told=[*TOLD[:3], {**TOLD[3], "partition": 1}, *TOLD[4:]]))
    assert verdict.valid is False
    assert "show 7 was told of in several partitions" in verdict.detail


def test_a_subscriber_that_acts_out_of_order_is_found() -> None:
    early = [{**r, "told_at": 5.0} if r["order_id"] == "o2" else r for r in EMAIL]
    verdict = in_order(run(email=early))
    assert verdict.valid is False
    assert "email acted on OrderPlaced of o2 before OrderConfirmed of o1" in verdict.detail
    more = [*TOLD, row(5, "o2", "OrderConfirmed", 20.4)]
    verdict = in_order(run(told=more, tickets=(("o1", 30.0), ("o2", 29.0))))
    assert verdict.valid is False
    assert "tickets acted on OrderConfirmed of o2 before OrderConfirmed of o1" in verdict.detail


def test_somebody_else_may_ask_for_a_ticket_before_its_event_is_read() -> None:
    more = [*TOLD, row(5, "o2", "OrderConfirmed", 20.4)]
    asked = run(told=more, tickets=(("o1", 30.0), ("o2", 29.0)), ours=("o1",))
    verdict = in_order(asked)
    assert verdict.valid, verdict.detail


def test_nothing_told_is_nothing_tested() -> None:
    assert in_order(run(told=[])).valid is False


def test_the_slowest_effect_is_measured() -> None:
    verdict = in_time(2.0)(run())
    assert verdict.valid
    assert verdict.figures == {"wait_s": 1.0}
    assert verdict.detail == "of 7 the slowest: OrderPlaced of o1 waited 1.00 s for email"


@pytest.mark.parametrize("who", ["email", "tickets", "payments"])
def test_an_effect_that_comes_too_late_is_found_at_each_subscriber(who: str) -> None:
    told = [{**r, "at": 25.0} if who == r["topic"] else r for r in TOLD]
    email = [{**r, "told_at": 25.0} for r in EMAIL] if who == "email" else EMAIL
    late = run(told=told, email=email, tickets=(("o1", 25.0 if who == "tickets" else 10.5),))
    verdict = in_time(10.0)(late)
    assert verdict.valid is False
    assert f"s for {who}; bound 10 s" in verdict.detail
    assert in_time(None)(late).valid


def test_where_there_is_a_bound_something_must_have_had_an_effect() -> None:
    nothing = run(told=[])
    assert in_time(10.0)(nothing).valid is False
    assert in_time(None)(nothing).valid
