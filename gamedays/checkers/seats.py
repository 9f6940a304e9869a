"""Seats: none is sold twice, and no more than there are."""

from __future__ import annotations

from collections import defaultdict

from gamedays.history import History
from gamedays.verdict import Verdict, judge


def seats(history: History) -> Verdict:
    """Every seat belongs to one order at most, and orders and seats agree about it.

    Truth, of every show that the run sold: `shows`, `sales` (each order that is not declined, from
    whenever) and `seats` (those that are taken, and by whom).

    Invalid if
    - a seat is in two orders that are not declined;
    - a show has more seats in such orders than it has, or a seat number that it does not have;
    - a taken seat names an order that does not claim it, or an order claims a seat that is not
      taken by it;
    - no seat was sold, for then nothing was tested.
    """
    total = {row["id"]: row["seats_total"] for row in history.truth("shows")}
    claims: dict[tuple[int, int], list[str]] = defaultdict(list)
    sold: dict[int, int] = defaultdict(int)
    for row in history.truth("sales"):
        sold[row["show_id"]] += len(row["seats"])
        for seat in row["seats"]:
            claims[row["show_id"], seat].append(row["id"])
    rows = history.truth("seats")
    taken = sorted((row["show_id"], row["number"], row["order_id"]) for row in rows)
    places = {(show, number) for show, number, _ in taken}

    twice = {place: orders for place, orders in claims.items() if len(orders) > 1}
    findings = [
        *(["no seat was sold"] if not claims else []),
        *(f"{_name(place)} is in orders {', '.join(who)}" for place, who in sorted(twice.items())),
        *(
            f"show {show} has {total.get(show, 0)} seats and sold {number}"
            for show, number in sorted(sold.items())
            if number > total.get(show, 0)
        ),
        *(
            f"{_name(place)} does not exist"
            for place in sorted(claims)
            if not 1 <= place[1] <= total.get(place[0], 0)
        ),
        *(
            f"{_name((show, number))} is taken by {order}, which does not claim it"
            for show, number, order in taken
            if order not in claims.get((show, number), ())
        ),
        *(
            f"{_name(place)} is claimed by {orders[0]} and not taken"
            for place, orders in sorted(claims.items())
            if place not in places
        ),
    ]
    doubled = sum(len(orders) - 1 for orders in twice.values())
    return judge(
        f"{len(claims)} seats sold in {len(sold)} shows, each once",
        findings,
        {"duplicated": doubled},
    )


def _name(place: tuple[int, int]) -> str:
    return f"show {place[0]} seat {place[1]}"
