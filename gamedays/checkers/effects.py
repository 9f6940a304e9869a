"""Total queue: each event has its effect once in each subscriber."""

from __future__ import annotations

from collections import Counter

from gamedays.history import History
from gamedays.verdict import Verdict, judge

Effect = tuple[str, str]
"""Subscriber, and what it did."""

DECIDED = {"confirmed": "OrderConfirmed", "declined": "OrderDeclined"}


def effects(history: History) -> Verdict:
    """What went into the queues came out, once, at every subscriber.

    Truth: `orders` (with `earlier`, true for those from before the run), `tickets`, `email`,
    `text`; and read before the load and after it: `statistics` (what the subscriber counted) and
    `tally` (the same counted in the ledger), both by show.

    Each order has to have: an e-mail that it was placed and one that it was decided; a text that
    it was decided; if it is confirmed, one ticket a seat; and one in the statistics of its show
    for each. Invalid if an effect is
    - lost: it should be there and is not;
    - duplicated: it is there more often than it should be;
    - unexpected: no order is the cause of it.
    The statistics are totals without names: what they grew by is compared with what the ledger
    grew by, so one lost and one doubled of the same show would hide each other there.
    """
    orders = {row["id"]: row for row in history.truth("orders")}
    expected, observed = Counter[Effect](), Counter[Effect]()
    for order, row in orders.items():
        if not row["earlier"]:
            expected.update(_of_order(order, row["status"], row["seats"]))
    earlier = {order for order, row in orders.items() if row["earlier"]}
    for table in ("email", "text"):
        for row in history.truth(table):
            if row["order_id"] not in earlier:
                observed[table, f"{row['kind']} of {row['order_id']}"] += 1
    for row in history.truth("tickets"):
        if row["order_id"] not in earlier:
            observed["tickets", f"seat {row['seat']} of {row['order_id']}"] += 1
    expected += _growth(history, "tally")
    observed += _growth(history, "statistics")
    return total_queue(expected, observed)


def total_queue(expected: Counter[Effect], observed: Counter[Effect]) -> Verdict:
    """Compares what should have come out with what did, both as multisets."""
    lost = expected - observed
    more = observed - expected
    duplicated = {effect: n for effect, n in more.items() if effect in expected}
    unexpected = {effect: n for effect, n in more.items() if effect not in expected}
    findings = [
        f"{word}: {subscriber}, {what}" + (f", {n} times" if n > 1 else "")
        for word, found in (("lost", lost), ("twice", duplicated), ("unexpected", unexpected))
        for (subscriber, what), n in sorted(found.items())
    ]
    if not expected:
        findings.append("no effect was expected: nothing was tested")
    return judge(
        f"{expected.total()} effects, each once",
        findings,
        {
            "lost": lost.total(),
            "duplicated": sum(duplicated.values()) + sum(unexpected.values()),
        },
    )


def _of_order(order: str, status: str, seats: list[int]) -> list[Effect]:
    found = [("email", f"OrderPlaced of {order}")]
    if status in DECIDED:
        found += [(to, f"{DECIDED[status]} of {order}") for to in ("email", "text")]
    if status == "confirmed":
        found += [("tickets", f"seat {seat} of {order}") for seat in seats]
    return found


def _growth(history: History, table: str) -> Counter[Effect]:
    """By how much a table of counts has grown over the run, as effects of the statistics."""
    grown = Counter[Effect]()
    for sign, first in ((1, False), (-1, True)):
        for row in history.truth(table, first=first):
            for what in ("placed", "confirmed", "declined"):
                grown["statistics", f"{what} of show {row['show_id']}"] += sign * row[what]
    return +grown
