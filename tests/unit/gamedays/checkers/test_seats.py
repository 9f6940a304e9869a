from typing import Any

from gamedays.checkers.seats import seats
from gamedays.verdict import Verdict
from tests.unit.gamedays.script import history, truth

Rows = list[dict[str, Any]]

SHOWS: Rows = [{"id": 7, "seats_total": 3}]


def sale(order: str, numbers: list[int], show: int = 7) -> dict[str, Any]:
    return {"id": order, "show_id": show, "seats": numbers}


def taken(number: int, order: str, show: int = 7) -> dict[str, Any]:
    return {"show_id": show, "number": number, "order_id": order}


SALES = [sale("o1", [1, 2]), sale("o2", [3])]
TAKEN = [taken(1, "o1"), taken(2, "o1"), taken(3, "o2")]


def judged(sales: Rows, seats_taken: Rows) -> Verdict:
    return seats(history(truth("shows", SHOWS), truth("sales", sales), truth("seats", seats_taken)))


def test_each_seat_once_is_valid() -> None:
    assert judged(SALES, TAKEN).valid


def test_nothing_sold_shows_nothing() -> None:
    assert judged([], []).valid is False


def test_a_seat_with_two_rows_is_taken_by_whoever_has_either() -> None:
    for twice in ([taken(3, "o9"), taken(3, "o2")], [taken(3, "o2"), taken(3, "o9")]):
        verdict = judged(SALES, [*TAKEN[:2], *twice])
        assert verdict.valid is False
        assert "show 7 seat 3 is taken by o9, which does not claim it" in verdict.detail


def test_a_seat_in_two_orders_is_sold_twice() -> None:
    verdict = judged([sale("o1", [1, 2]), sale("o2", [2])], [taken(1, "o1"), taken(2, "o2")])
    assert verdict.valid is False
    assert verdict.figures == {"duplicated": 1}
    assert "show 7 seat 2 is in orders o1, o2" in verdict.detail


def test_more_seats_than_there_are_is_oversold() -> None:
    verdict = judged([*SALES, sale("o3", [4])], [*TAKEN, taken(4, "o3")])
    assert verdict.valid is False
    assert "show 7 has 3 seats and sold 4" in verdict.detail


def test_a_seat_that_does_not_exist_cannot_be_sold() -> None:
    verdict = judged([sale("o1", [4])], [taken(4, "o1")])
    assert verdict.valid is False
    assert "show 7 seat 4 does not exist" in verdict.detail
    assert judged([sale("o1", [1], show=8)], [taken(1, "o1", show=8)]).valid is False


def test_a_seat_taken_by_an_order_that_does_not_claim_it_is_wrong() -> None:
    assert judged(SALES, [*TAKEN[:2], taken(3, "o9")]).valid is False


def test_a_claimed_seat_that_is_free_is_wrong() -> None:
    verdict = judged(SALES, TAKEN[:2])
    assert verdict.valid is False
    assert "show 7 seat 3 is claimed by o2 and not taken" in verdict.detail
