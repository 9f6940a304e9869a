"""How each show sells."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from chassis.bus.event import Event
from chassis.store.postgres import Connection, Database
from services.notifications.decisions import CONFIRMED, DECLINED, PLACED, OrderNews
from services.notifications.subscribers.subscriber import Subscriber


@dataclass(slots=True)
class Tally:
    """Orders of one show by their events, and what the confirmed ones paid, in cents."""

    show_id: int
    currency: str
    placed: int = 0
    confirmed: int = 0
    declined: int = 0
    revenue: int = 0

    def count(self, kind: str, news: OrderNews) -> None:
        """One more event."""
        if kind == PLACED:
            self.placed += 1
        elif kind == CONFIRMED:
            self.confirmed += 1
            self.revenue += news.amount
        elif kind == DECLINED:
            self.declined += 1

    def answer(self) -> dict[str, object]:
        """As the API shows it."""
        return {
            "show_id": self.show_id,
            "placed": self.placed,
            "confirmed": self.confirmed,
            "declined": self.declined,
            "revenue": {"amount": self.revenue, "currency": self.currency},
        }


def tally(events: Iterable[Event]) -> list[Tally]:
    """What a batch adds, in the order of shows: rows are locked in one order everywhere."""
    tallies: dict[int, Tally] = {}
    for event in events:
        news = OrderNews.of(event)
        tallies.setdefault(news.show_id, Tally(news.show_id, news.currency)).count(event.type, news)
    return [tallies[show_id] for show_id in sorted(tallies)]


async def effect(connection: Connection, events: list[Event]) -> None:
    """Adds a batch to the numbers."""
    added = tally(events)
    await connection.execute(
        "INSERT INTO statistics AS s (show_id, currency, placed, confirmed, declined, revenue)"
        " SELECT * FROM unnest($1::integer[], $2::text[],"
        "   $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[])"
        " ON CONFLICT (show_id) DO UPDATE SET placed = s.placed + excluded.placed,"
        "   confirmed = s.confirmed + excluded.confirmed,"
        "   declined = s.declined + excluded.declined, revenue = s.revenue + excluded.revenue",
        [t.show_id for t in added],
        [t.currency for t in added],
        [t.placed for t in added],
        [t.confirmed for t in added],
        [t.declined for t in added],
        [t.revenue for t in added],
    )


async def read(database: Database) -> list[Tally]:
    """All shows that anything was ordered for."""
    rows = await database.fetch(
        "SELECT show_id, currency, placed, confirmed, declined, revenue"
        " FROM statistics ORDER BY show_id"
    )
    return [Tally(**dict(row)) for row in rows]


STATISTICS = Subscriber("statistics", frozenset({PLACED, CONFIRMED, DECLINED}), effect)
