from dataclasses import replace

from loadtests.checker import Order, Verdict, judge
from loadtests.ledger import Entry


def sent(key: str) -> Entry:
    return Entry.begun(key, "a@example.com", show_id=7, wanted=2, card="tok_ok", now=1.0)


def acknowledged(key: str, order: str, *seats: int) -> Entry:
    return replace(sent(key), outcome="acknowledged", status=201, order_id=order, seats=seats)


def order(name: str, *seats: int, status: str = "confirmed", show: int | None = 7) -> Order:
    return Order(name, status, seats, show)


def verdict(entries: list[Entry], *orders: Order) -> Verdict:
    return judge(entries, {order.id: order for order in orders})


def test_all_there_once_and_decided_is_good() -> None:
    found = verdict(
        [sent("k1"), acknowledged("k1", "o1", 1, 2), sent("k2"), acknowledged("k2", "o2", 3)],
        order("o1", 1, 2),
        order("o2", 3, status="declined"),
    )
    assert found.ok
    assert (found.acknowledged, found.confirmed, found.declined) == (2, 1, 1)


def test_an_acknowledged_order_that_is_gone_is_lost() -> None:
    found = verdict([acknowledged("k1", "o1", 1)])
    assert found.lost == ["order o1 is gone"]
    assert not found.ok


def test_an_order_for_ever_pending_is_undecided() -> None:
    found = verdict([acknowledged("k1", "o1", 1)], order("o1", 1, status="pending"))
    assert found.undecided == ["order o1 is still pending"]
    assert not found.ok


def test_one_key_with_two_orders_is_a_duplicate() -> None:
    found = verdict(
        [acknowledged("k1", "o1", 1), acknowledged("k1", "o2", 2)], order("o1", 1), order("o2", 2)
    )
    assert found.duplicates == ["key k1 has 2 orders: o1, o2"]
    assert not found.ok


def test_one_order_for_two_keys_is_a_duplicate() -> None:
    found = verdict([acknowledged("k1", "o1", 1), acknowledged("k2", "o1", 1)], order("o1", 1))
    assert found.duplicates == ["order o1 was given for 2 keys: k1, k2"]


def test_an_order_that_nobody_was_told_of_is_a_duplicate() -> None:
    found = verdict([acknowledged("k1", "o1", 1)], order("o1", 1), order("o2", 2))
    assert found.duplicates == ["order o2 was placed, and nobody was told"]


def test_a_seat_in_two_orders_is_a_duplicate() -> None:
    found = verdict(
        [acknowledged("k1", "o1", 1), acknowledged("k2", "o2", 1)], order("o1", 1), order("o2", 1)
    )
    assert found.duplicates == ["show 7 seat 1 is in orders o1 and o2"]


def test_the_same_seat_number_of_another_show_is_another_seat() -> None:
    entries = [acknowledged("k1", "o1", 1), replace(acknowledged("k2", "o2", 1), show_id=8)]
    assert verdict(entries, order("o1", 1), order("o2", 1, show=8)).ok


def test_a_declined_orders_seat_may_be_sold_again() -> None:
    found = verdict(
        [acknowledged("k1", "o1", 1), acknowledged("k2", "o2", 1)],
        order("o1", 1, status="declined"),
        order("o2", 1),
    )
    assert found.ok


def test_an_unknown_outcome_asked_again_is_known() -> None:
    assert verdict([sent("k1"), acknowledged("k1", "o1", 1)], order("o1", 1)).ok


def test_an_outcome_that_stays_unknown_is_said_and_explains_one_order() -> None:
    found = verdict([sent("k1")], order("o1", 1))
    assert found.unknown == ["key k1: sent at 1.000, outcome not known"]
    assert found.duplicates == []
    assert not found.ok


def test_a_refusal_leaves_nothing_to_check() -> None:
    assert verdict([sent("k1"), replace(sent("k1"), outcome="refused", status=409)]).ok
