"""Telling: what was told of a show keeps its order, and is acted on in time whoever dies."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from gamedays.checkers.acknowledged import ORDER
from gamedays.history import History
from gamedays.verdict import Checker, Verdict, judge

TOLD = "told"
ORDERS, PAYMENTS = "orders", "payments"
"""Topics."""

PLACED, CONFIRMED = "OrderPlaced", "OrderConfirmed"

Event = tuple[str, str]
"""Order, and what happened to it: once at most, so that this is as good as the event's id."""


@dataclass(frozen=True, slots=True)
class _Act:
    """A subscriber's effect of an event. Times are in seconds since the epoch."""

    subscriber: str
    event: Event
    at: float


def in_order(history: History) -> Verdict:
    """Nothing is reordered within a show, neither on the way to its readers nor by them.

    Truth: `told`, all copies of all events since the load began, by `topic`, `partition`,
    `offset`, `show_id`, `order_id`, `kind` and `at` (when it was told); `orders`; `email` and
    `tickets`, with the time of the effect. Operations: `order`. Of several copies the first
    counts, for the others have no effect. Of tickets those of the run's own orders count: who asks
    for a ticket has it before its event is read, and only the run's own people never ask.

    Invalid if, in the topic `orders`,
    - the events of one show are in two partitions;
    - an order was decided before it was placed;
    - an order was placed before another one of its show that had been acknowledged before anybody
      asked for it: orders that overlap have no order of their own;
    - a subscriber acted on an event before it acted on an earlier one of the same show;
    - nothing was told, for then nothing was tested.
    """
    shows = _by_show(history)
    ours = {row["id"] for row in history.truth("orders") if row["ours"]}
    acts = [a for a in _acts(history) if a.subscriber != "tickets" or a.event[0] in ours]
    asked, answered = _asked(history)
    findings = [] if shows else ["nothing was told"]
    for show, rows in sorted(shows.items()):
        if len({row["partition"] for row in rows}) > 1:
            findings.append(f"show {show} was told of in several partitions")
        events = [(row["order_id"], row["kind"]) for row in rows]
        findings += _decided_early(events)
        findings += _overtaken(events, asked, answered)
        findings += _acted_early(events, acts)
    told = sum(map(len, shows.values()))
    return judge(f"{told} events of {len(shows)} shows, each show's in their order", findings)


def in_time(bound_s: float | None) -> Checker:
    """A checker of how long an event waited for its effect, at the subscriber that was slowest.

    Truth: as for `in_order`, and the topic `payments`, whose events are the effects of placed
    orders. The time is from the first copy of an event to its effect. A crash of who reads adds
    the time until another one has its partitions. Invalid if that is over `bound_s` seconds; an
    event without an effect is not this checker's.
    """

    def check(history: History) -> Verdict:
        told = {
            (row["order_id"], row["kind"]): row["at"]
            for rows in _by_show(history).values()
            for row in rows
        }
        waits = [(a.at - told[a.event], a) for a in _acts(history) if a.event in told]
        if not waits:
            return Verdict(bound_s is None, "no effect of anything that was told")
        seconds, slowest = max(waits, key=lambda wait: wait[0])
        order, kind = slowest.event
        figures = {"wait_s": round(seconds, 3)}
        detail = f"{kind} of {order} waited {seconds:.2f} s for {slowest.subscriber}"
        if bound_s is not None and seconds > bound_s:
            return Verdict(False, f"{detail}; bound {bound_s:g} s", figures)
        return Verdict(True, f"of {len(waits)} the slowest: {detail}", figures)

    return check


def _by_show(history: History) -> dict[int, list[dict[str, Any]]]:
    """The first copies in the topic `orders`, by show, as readers see them."""
    shows: dict[int, dict[Event, dict[str, Any]]] = defaultdict(dict)
    copies = [row for row in history.truth(TOLD) if row["topic"] == ORDERS]
    for row in sorted(copies, key=lambda row: (row["partition"], row["offset"])):
        shows[row["show_id"]].setdefault((row["order_id"], row["kind"]), row)
    return {show: list(rows.values()) for show, rows in shows.items()}


def _acts(history: History) -> Iterator[_Act]:
    for row in history.truth("email"):
        yield _Act("email", (row["order_id"], row["kind"]), row["told_at"])
    for row in history.truth("tickets"):
        yield _Act("tickets", (row["order_id"], CONFIRMED), row["issued_at"])
    for row in history.truth(TOLD):
        if row["topic"] == PAYMENTS:
            yield _Act("payments", (row["order_id"], PLACED), row["at"])


def _asked(history: History) -> tuple[dict[str, float], dict[str, float]]:
    """When each order was first asked for, and when it was first acknowledged."""
    asked: dict[str, float] = {}
    answered: dict[str, float] = {}
    for operation in history.of(ORDER):
        asked.setdefault(operation.key, operation.begin)
        if operation.ok:
            order = operation.answered["order"]
            answered[order] = min(operation.end, answered.get(order, operation.end))
    keys = {row["id"]: row["key"] for row in history.truth("orders")}
    return {order: asked[key] for order, key in keys.items() if key in asked}, answered


def _decided_early(events: list[Event]) -> Iterator[str]:
    placed: set[str] = set()
    for order, kind in events:
        if kind == PLACED:
            placed.add(order)
        elif order not in placed:
            yield f"{kind} of {order} was told before it was placed"


def _overtaken(
    events: list[Event], asked: dict[str, float], answered: dict[str, float]
) -> Iterator[str]:
    """Orders that were told after one that was asked for when they had been acknowledged."""
    newest, last = float("-inf"), ""
    for order, kind in events:
        if kind != PLACED or order not in asked:
            continue
        if answered.get(order, newest) < newest:
            yield f"order {order} was told after {last}, which is the later one"
        if asked[order] > newest:
            newest, last = asked[order], order


def _acted_early(events: list[Event], acts: list[_Act]) -> Iterator[str]:
    place = {event: n for n, event in enumerate(events)}
    newest: dict[str, _Act] = {}
    mine = [a for a in acts if a.event in place and a.subscriber != PAYMENTS]
    for act in sorted(mine, key=lambda a: place[a.event]):
        before = newest.get(act.subscriber)
        if before is not None and act.at < before.at:
            (order, kind), (other, its) = act.event, before.event
            yield f"{act.subscriber} acted on {kind} of {order} before {its} of {other}"
        else:
            newest[act.subscriber] = act
