"""Judges a run's history against what the cluster says now: pure.

Lost: acknowledged, and not to be found. Duplicated: one key with two orders, one order under two
keys, an order of the run's own accounts that no key asked for, one seat of a show in two orders.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from loadtests.ledger import Entry


@dataclass(frozen=True, slots=True)
class Order:
    """An order as the cluster tells it to its owner."""

    id: str
    status: str
    seats: tuple[int, ...]
    show_id: int | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is left of what was promised. Lists hold a line for a person per finding."""

    acknowledged: int
    confirmed: int
    declined: int
    undecided: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    duplicates: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Nothing lost, nothing twice, everything decided and known."""
        return not (self.lost or self.duplicates or self.undecided or self.unknown)


def judge(entries: Iterable[Entry], orders: Mapping[str, Order]) -> Verdict:
    """The verdict.

    Args:
        entries: the history; an unknown outcome that was asked again by its key has a later entry.
        orders: all orders that the run's accounts have now, by id.
    """
    by_key: dict[str, set[str]] = defaultdict(set)
    shows: dict[str, int] = {}
    unresolved: dict[str, Entry] = {}
    answered: set[str] = set()
    for entry in entries:
        if entry.outcome == "unknown":
            unresolved[entry.key] = entry
        else:
            answered.add(entry.key)
        if entry.order_id is not None:
            by_key[entry.key].add(entry.order_id)
            shows[entry.order_id] = entry.show_id

    acknowledged = set(shows)
    statuses = [orders[order].status for order in acknowledged if order in orders]
    return Verdict(
        acknowledged=len(acknowledged),
        confirmed=statuses.count("confirmed"),
        declined=statuses.count("declined"),
        undecided=[
            f"order {order} is still {orders[order].status}"
            for order in sorted(acknowledged & orders.keys())
            if orders[order].status not in ("confirmed", "declined")
        ],
        lost=[f"order {order} is gone" for order in sorted(acknowledged - orders.keys())],
        duplicates=[
            *_keys_twice(by_key),
            *_unasked(orders, acknowledged, unresolved.keys() - answered),
            *_seats_twice(orders, shows),
        ],
        unknown=[
            f"key {key}: sent at {entry.sent:.3f}, outcome not known"
            for key, entry in unresolved.items()
            if key not in answered
        ],
    )


def _keys_twice(by_key: Mapping[str, set[str]]) -> Iterable[str]:
    owners: dict[str, list[str]] = defaultdict(list)
    for key, orders in by_key.items():
        if len(orders) > 1:
            yield f"key {key} has {len(orders)} orders: {', '.join(sorted(orders))}"
        for order in orders:
            owners[order].append(key)
    for order, keys in owners.items():
        if len(keys) > 1:
            yield f"order {order} was given for {len(keys)} keys: {', '.join(sorted(keys))}"


def _unasked(
    orders: Mapping[str, Order], acknowledged: set[str], unresolved: set[str]
) -> Iterable[str]:
    """Orders beyond those acknowledged; as many may be the unknown ones' as there are of these."""
    extra = sorted(orders.keys() - acknowledged)
    if len(extra) > len(unresolved):
        yield from (f"order {order} was placed, and nobody was told" for order in extra)


def _seats_twice(orders: Mapping[str, Order], shows: Mapping[str, int]) -> Iterable[str]:
    taken: dict[tuple[int, int], str] = {}
    for order in orders.values():
        show = order.show_id if order.show_id is not None else shows.get(order.id)
        if order.status == "declined" or show is None:
            continue
        for seat in order.seats:
            other = taken.setdefault((show, seat), order.id)
            if other != order.id:
                yield f"show {show} seat {seat} is in orders {other} and {order.id}"
