from typing import Any

import pytest

from gamedays.checkers.effects import effects
from gamedays.history import History
from tests.unit.gamedays.script import history, truth

Tables = dict[str, list[dict[str, Any]]]


def order(name: str, status: str, seats: list[int], *, earlier: bool = False) -> dict[str, Any]:
    return {"id": name, "status": status, "seats": seats, "earlier": earlier}


def mail(name: str, kind: str) -> dict[str, Any]:
    return {"order_id": name, "kind": kind}


def counts(show: int, placed: int, confirmed: int, declined: int) -> dict[str, Any]:
    return {"show_id": show, "placed": placed, "confirmed": confirmed, "declined": declined}


def tables() -> Tables:
    """One confirmed order of two seats, and one declined."""
    return {
        "orders": [order("o1", "confirmed", [1, 2]), order("o2", "declined", [3])],
        "email": [
            mail("o1", "OrderPlaced"), mail("o1", "OrderConfirmed"),
            mail("o2", "OrderPlaced"), mail("o2", "OrderDeclined"),
        ],
        "text": [mail("o1", "OrderConfirmed"), mail("o2", "OrderDeclined")],
        "tickets": [{"order_id": "o1", "seat": 1}, {"order_id": "o1", "seat": 2}],
        "tally": [counts(7, 12, 10, 2)],
        "statistics": [counts(7, 102, 90, 12)],
    }  # fmt: skip


def after(final: Tables) -> History:
    """Before the run the ledger had 10 orders of show 7, and the subscriber had counted 100."""
    before = {"tally": [counts(7, 10, 9, 1)], "statistics": [counts(7, 100, 89, 11)]}
    return history(
        *(truth(table, rows, at=-1.0) for table, rows in before.items()),
        *(truth(table, rows) for table, rows in final.items()),
    )


def test_each_effect_once_is_valid() -> None:
    verdict = effects(after(tables()))
    assert verdict.valid, verdict.detail
    assert verdict.figures == {"lost": 0, "duplicated": 0}


@pytest.mark.parametrize("table", ["email", "text", "tickets"])
def test_a_missing_effect_is_lost(table: str) -> None:
    final = tables()
    final[table].pop()
    verdict = effects(after(final))
    assert verdict.valid is False
    assert (verdict.figures["lost"], verdict.figures["duplicated"]) == (1, 0)
    assert f"lost: {table}" in verdict.detail


@pytest.mark.parametrize("table", ["email", "text", "tickets"])
def test_a_second_effect_is_duplicated(table: str) -> None:
    final = tables()
    final[table].append(final[table][0])
    verdict = effects(after(final))
    assert verdict.valid is False
    assert (verdict.figures["lost"], verdict.figures["duplicated"]) == (0, 1)


def test_a_ticket_of_a_declined_order_is_unexpected() -> None:
    final = tables()
    final["tickets"].append({"order_id": "o2", "seat": 3})
    verdict = effects(after(final))
    assert verdict.valid is False
    assert "unexpected: tickets" in verdict.detail


def test_an_effect_of_no_order_is_unexpected() -> None:
    final = tables()
    final["email"].append(mail("nobody's", "OrderPlaced"))
    assert effects(after(final)).valid is False


@pytest.mark.parametrize(("counted", "figure"), [(101, "lost"), (103, "duplicated")])
def test_statistics_count_each_event_once(counted: int, figure: str) -> None:
    final = tables()
    final["statistics"] = [counts(7, counted, 90, 12)]
    verdict = effects(after(final))
    assert verdict.valid is False
    assert verdict.figures[figure] == 1


def test_effects_of_orders_from_before_the_run_are_no_concern() -> None:
    final = tables()
    final["orders"].append(order("old", "confirmed", [9], earlier=True))
    final["email"].append(mail("old", "OrderConfirmed"))
    final["tickets"].append({"order_id": "old", "seat": 9})
    assert effects(after(final)).valid


def test_a_run_without_any_effect_shows_nothing() -> None:
    empty: Tables = {table: [] for table in tables()}
    empty["tally"] = [counts(7, 10, 9, 1)]
    empty["statistics"] = [counts(7, 100, 89, 11)]
    assert effects(after(empty)).valid is False
