"""Bank: money is neither made nor lost between orders and the acquirer."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

from gamedays.history import History
from gamedays.verdict import Verdict, judge


def bank(history: History) -> Verdict:
    """The acquirer's own ledger agrees with ours.

    Truth: `orders`, and `charges` as the acquirer has them; a charge is an order's by its
    `reference`, whatever its key. Amounts are in minor units (cents).

    Invalid if
    - a confirmed order has no capture, or more than one, or one of another amount or currency;
    - another order has a capture that was not refunded;
    - a capture belongs to no order;
    - what was captured and what was confirmed differ in sum, in any currency;
    - an order is still undecided: its money is nowhere;
    - nothing was captured, for then nothing was tested.
    """
    captures: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for charge in history.truth("charges"):
        if charge["status"] == "captured":
            captures[charge["reference"]].append(charge)

    findings: list[str] = []
    doubled = 0
    confirmed, captured = Counter[str](), Counter[str]()
    orders = history.truth("orders")
    for order in orders:
        of_order = captures.pop(order["id"], [])
        captured.update(_sum(of_order))
        doubled += max(0, len(of_order) - 1)
        if order["status"] == "confirmed":
            confirmed[order["currency"]] += order["amount"]
        findings += _wrong(order, of_order)
    for reference, strangers in sorted(captures.items()):
        captured.update(_sum(strangers))
        findings.append(f"captured for {reference}, which is no order")
    for currency in sorted(confirmed.keys() | captured.keys()):
        if confirmed[currency] != captured[currency]:
            findings.append(
                f"{_price(confirmed[currency], currency)} confirmed,"
                f" {_price(captured[currency], currency)} captured"
            )
    if not captured:
        findings.append("nothing was captured")
    sums = ", ".join(_price(amount, currency) for currency, amount in sorted(captured.items()))
    return judge(f"{sums}, the same on both sides", findings, {"duplicated": doubled})


def _wrong(order: dict[str, Any], captures: list[dict[str, Any]]) -> list[str]:
    name, status = order["id"], order["status"]
    if status == "pending":
        return [f"order {name} is still undecided"]
    if status != "confirmed":
        return [f"order {name} is {status} and was captured"] if captures else []
    if len(captures) != 1:
        return [f"order {name} is confirmed and has {len(captures)} captures"]
    paid = captures[0]
    if (paid["amount"], paid["currency"]) != (order["amount"], order["currency"]):
        price, was_paid = (_price(one["amount"], one["currency"]) for one in (order, paid))
        return [f"order {name} costs {price}, captured were {was_paid}"]
    return []


def _price(amount: int, currency: str) -> str:
    """For a person: in whole units."""
    return f"{amount / 100:.2f} {currency}"


def _sum(charges: list[dict[str, Any]]) -> Counter[str]:
    total = Counter[str]()
    for charge in charges:
        total[charge["currency"]] += charge["amount"]
    return total
