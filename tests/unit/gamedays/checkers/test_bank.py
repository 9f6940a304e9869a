from typing import Any

import pytest

from gamedays.checkers.bank import bank
from gamedays.verdict import Verdict
from tests.unit.gamedays.script import history, truth

Row = dict[str, Any]


def order(name: str, status: str, amount: int = 4200, currency: str = "EUR") -> Row:
    return {"id": name, "status": status, "amount": amount, "currency": currency}


def charge(reference: str, amount: int = 4200, currency: str = "EUR", **fields: str) -> Row:
    known = {"key": reference, "status": "captured", **fields}
    return {"reference": reference, "amount": amount, "currency": currency, **known}


ORDERS = [order("o1", "confirmed"), order("o2", "declined"), order("o3", "confirmed", 100)]
CHARGES = [charge("o1"), charge("o2", status="declined"), charge("o3", 100)]


def judged(orders: list[Row], charges: list[Row]) -> Verdict:
    return bank(history(truth("orders", orders), truth("charges", charges)))


def test_one_capture_each_is_valid() -> None:
    verdict = judged(ORDERS, CHARGES)
    assert verdict.valid
    assert verdict.detail == "43.00 EUR, the same on both sides"


def test_a_refunded_capture_of_a_declined_order_is_valid() -> None:
    orders, charges = (
        [*ORDERS, order("o4", "declined")],
        [*CHARGES, charge("o4", status="refunded")],
    )
    assert judged(orders, charges).valid


def test_no_money_shows_nothing() -> None:
    assert judged([], []).valid is False
    verdict = judged([order("o1", "declined")], [charge("o1", status="declined")])
    assert verdict.valid is False
    assert verdict.detail == "nothing was captured"


@pytest.mark.parametrize(
    ("orders", "charges", "finding"),
    [
        (ORDERS, CHARGES[1:], "o1 is confirmed and has 0 captures"),
        (ORDERS, [*CHARGES, charge("o1", key="another")], "o1 is confirmed and has 2 captures"),
        (
            ORDERS,
            [charge("o1"), charge("o2"), charge("o3", 100)],
            "o2 is declined and was captured",
        ),
        (ORDERS, [*CHARGES, charge("o9")], "captured for o9, which is no order"),
        (ORDERS, [charge("o1", 4201), *CHARGES[1:]], "costs 42.00 EUR, captured were 42.01 EUR"),
        (ORDERS, [charge("o1", currency="USD"), *CHARGES[1:]], "captured were 42.00 USD"),
        ([*ORDERS, order("o4", "pending")], CHARGES, "o4 is still undecided"),
    ],
)
def test_money_that_does_not_agree(orders: list[Row], charges: list[Row], finding: str) -> None:
    verdict = judged(orders, charges)
    assert verdict.valid is False
    assert finding in verdict.detail


def test_a_second_capture_is_counted() -> None:
    assert judged(ORDERS, [*CHARGES, charge("o1", key="k2")]).figures == {"duplicated": 1}


def test_sums_are_told_by_currency() -> None:
    verdict = judged([order("o1", "confirmed")], [charge("o1", 1, "USD")])
    assert (
        "42.00 EUR confirmed, 0.00 EUR captured; 0.00 USD confirmed, 0.01 USD captured"
        in verdict.detail
    )
