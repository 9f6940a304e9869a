"""Set: what was acknowledged is there."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from gamedays.history import History, Operation
from gamedays.verdict import Verdict, judge

ORDER, NEWEST = "order", "newest"
"""Kinds of operations that place orders; the second is a register's, which reads them too."""

_NOT_ABOUT_IT = frozenset({401, 429})
"""Statuses of who was not heard at all: they say nothing about what the key had before."""


def acknowledged(history: History) -> Verdict:
    """Every acknowledged order is in the ledger, once, and the ledger has no order unasked for.

    Operations: `order`; its key is the Idempotency-Key, asked are `account`, `show_id` and the
    number of `seats`, its answer has `order` and `seats`. The writes of `newest` place orders too:
    asked is the key as `value`, with `account` and `show_id`; the answer's `value` is the order.
    Truth: `orders`, with the key each was placed by, and `ours`, true for the run's own accounts.

    Invalid if
    - lost: an acknowledged order is not in the ledger, or is there with other seats, or of another
      show, account or key than it was asked for by;
    - doubled: a key was answered with two orders, two keys with one, or has two in the ledger;
    - unexpected: the ledger has an order whose key no client ever sent, or whose key was refused
      at last (a `fail`, but for 401 and 429): its client went away and is charged all the same;
    - nothing was acknowledged, for then nothing was tested.
    An order that no client was told of, but whose key was sent, is `recovered`: that is no fault.
    """
    asked: set[str] = set()
    refused: set[str] = set()
    told: dict[str, list[Operation]] = defaultdict(list)
    by_key: dict[str, set[str]] = defaultdict(set)
    for operation in _asks(history):
        asked.add(operation.key)
        refused.discard(operation.key)
        if operation.outcome == "fail" and operation.status not in _NOT_ABOUT_IT:
            refused.add(operation.key)
        if operation.ok:
            order = operation.answered["order"]
            told[order].append(operation)
            by_key[operation.key].add(order)

    ledger = {row["id"]: row for row in history.truth("orders")}
    lost = [order for order in told if order not in ledger]
    changed = {
        order: others
        for order, operations in told.items()
        if order in ledger and (others := _others(ledger[order], operations))
    }
    ours = {order: row["key"] for order, row in ledger.items() if row["ours"]}
    unexpected = [order for order, key in ours.items() if key not in asked]
    denied = [order for order, key in ours.items() if key in refused]
    doubled = [key for key, orders in by_key.items() if len(orders) > 1]
    doubled += [order for order, asks in told.items() if len({o.key for o in asks}) > 1]
    doubled += [key for key, n in Counter(ours.values()).items() if n > 1 and key in asked]

    findings = [
        *(["nothing was acknowledged"] if not told else []),
        *(f"order {order} was acknowledged and is gone" for order in lost),
        *(f"order {order} was acknowledged with other {what}" for order, what in changed.items()),
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


def placed_by(history: History) -> dict[str, str]:
    """The order that each key placed, by the ledger: for who got no answer."""
    return {row["key"]: row["id"] for row in history.truth("orders") if row["key"] is not None}


def _asks(history: History) -> Iterator[Operation]:
    """Each time that an order was asked for, as operations of ORDER."""
    for operation in history.of(ORDER, NEWEST):
        if operation.kind == ORDER:
            yield operation
        elif operation.asked["f"] == "write":
            told = {"order": operation.answered["value"]} if operation.ok else operation.answered
            yield replace(operation, key=operation.asked["value"], answered=told)


def _others(row: dict[str, Any], operations: list[Operation]) -> str:
    """What of an order is not as its buyer asked for it and was told; empty if all is."""
    found: set[str] = set()
    keys = {operation.key for operation in operations}
    if len(keys) == 1 and row["key"] is not None and row["key"] not in keys:
        found.add("key")
    for operation in operations:
        asked, seats = operation.asked or {}, sorted(row["seats"])
        if sorted(operation.answered.get("seats", seats)) != seats:
            found.add("seats")
        wanted = {
            "seats": (asked.get("seats"), len(seats)),
            "show": (asked.get("show_id"), row.get("show_id")),
            "account": (asked.get("account"), row.get("account_id")),
        }
        if wanted["account"][0] is not None and not row["ours"]:
            found.add("account")
        found |= {
            what for what, (want, has) in wanted.items() if None not in (want, has) and want != has
        }
    return ", ".join(sorted(found))
