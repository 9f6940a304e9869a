"""Set: what was acknowledged is there."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

from gamedays.history import History, Operation
from gamedays.verdict import Verdict, judge

ORDER = "order"

_NOT_ABOUT_IT = frozenset({401, 429})
"""Statuses of who was not heard at all: they say nothing about what the key had before."""


def acknowledged(history: History) -> Verdict:
    """Every acknowledged order is in the ledger, once, and the ledger has no order unasked for.

    Operations: `order`; its key is the Idempotency-Key, its answer has `order` and `seats`.
    Truth: `orders`, with the key each was placed by, and `ours`, true for the run's own accounts.

    Invalid if
    - lost: an acknowledged order is not in the ledger, or is there with other seats;
    - doubled: a key was answered with two orders, two keys with one, or has two in the ledger;
    - unexpected: the ledger has an order whose key no client ever sent, or whose key was refused
      at last (a `fail`, but for 401 and 429): its client went away and is charged all the same;
    - nothing was acknowledged, for then nothing was tested.
    An order that no client was told of, but whose key was sent, is `recovered`: that is no fault.
    """
    asked: set[str] = set()
    refused: set[str] = set()
    told: dict[str, dict[str, Any]] = {}
    by_key: dict[str, set[str]] = defaultdict(set)
    by_order: dict[str, set[str]] = defaultdict(set)
    for operation in history.of(ORDER):
        asked.add(operation.key)
        refused.discard(operation.key)
        if operation.outcome == "fail" and _status(operation) not in _NOT_ABOUT_IT:
            refused.add(operation.key)
        if operation.ok:
            answer = operation.answered
            told[answer["order"]] = answer
            by_key[operation.key].add(answer["order"])
            by_order[answer["order"]].add(operation.key)

    ledger = {row["id"]: row for row in history.truth("orders")}
    lost = [order for order in told if order not in ledger]
    changed = [
        order
        for order, answer in told.items()
        if order in ledger and sorted(ledger[order]["seats"]) != sorted(answer["seats"])
    ]
    ours = {order: row["key"] for order, row in ledger.items() if row["ours"]}
    unexpected = [order for order, key in ours.items() if key not in asked]
    denied = [order for order, key in ours.items() if key in refused]
    doubled = [key for key, orders in by_key.items() if len(orders) > 1]
    doubled += [order for order, keys in by_order.items() if len(keys) > 1]
    doubled += [key for key, n in Counter(ours.values()).items() if n > 1 and key in asked]

    findings = [
        *(["nothing was acknowledged"] if not told else []),
        *(f"order {order} was acknowledged and is gone" for order in lost),
        *(f"order {order} was acknowledged with other seats" for order in changed),
        *(f"{what} has more than one order or key" for what in doubled),
        *(f"order {order} was asked for by nobody" for order in unexpected),
        *(f"order {order} is there and was refused" for order in denied),
    ]
    recovered = len(ours.keys() - told.keys()) - len(unexpected)
    return judge(
        f"{len(told)} acknowledged, all there; {recovered} more that nobody was told of",
        findings,
        {
            "acknowledged": len(told),
            "lost": len(lost) + len(changed),
            "duplicated": len(doubled) + len(unexpected) + len(denied),
        },
    )


def _status(operation: Operation) -> int:
    return int((operation.answered or {}).get("status", 0))
