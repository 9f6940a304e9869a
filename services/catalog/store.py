"""Shows and their free seats in Postgres. Each public method is one transaction."""

from __future__ import annotations

from collections.abc import Iterable

from chassis.bus import inbox
from chassis.bus.event import Event
from chassis.store.postgres import Connection, Database
from services.catalog.decisions import Season, seats_moved, show_answer
from services.programme import Show

CONSUMER = "catalog"

_SHOWS = (
    "SELECT s.id, s.title, s.starts_at, s.price_amount, s.price_currency, s.seats_total,"
    " a.seats_left, v.id AS venue_id, v.name AS venue_name, v.city"
    " FROM shows s JOIN venues v ON v.id = s.venue_id JOIN availability a ON a.show_id = s.id"
    " ORDER BY s.id"
)


class UnknownShow(LookupError):
    """Orders told of a show that is not in the programme here."""


class Store:
    """What catalog knows."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def season(self) -> bytes:
        """All shows with their free seats, in the form that `Season` reads.

        Raises:
            StoreUnavailable: Postgres is away.
        """
        rows = await self._database.fetch(_SHOWS)
        return Season.join(show_answer(dict(row)) for row in rows)

    async def apply_orders(self, events: list[Event]) -> None:
        """Moves the numbers of free seats by what orders told, each event once."""
        await self._database.transact(lambda c: _apply_orders(c, events))

    async def forget_old_marks(self) -> None:
        """Forgets inbox marks that no redelivery can need."""
        await inbox.forget_old(self._database)


async def put_on_show(connection: Connection, shows: Iterable[Show]) -> None:
    """Adds the shows and venues that are not here yet; all their seats are free."""
    shows = list(shows)
    venues = {show.venue.id: show.venue for show in shows}.values()
    await connection.executemany(
        "INSERT INTO venues (id, name, city, capacity) VALUES ($1, $2, $3, $4)"
        " ON CONFLICT DO NOTHING",
        [(v.id, v.name, v.city, v.capacity) for v in venues],
    )
    await connection.executemany(
        "INSERT INTO shows"
        " (id, title, venue_id, starts_at, price_amount, price_currency, seats_total)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING",
        [
            (
                s.id,
                s.title,
                s.venue.id,
                s.starts_at,
                s.price_amount,
                s.price_currency,
                s.seats_total,
            )
            for s in shows
        ],
    )
    await connection.execute(
        "INSERT INTO availability (show_id, seats_left) SELECT id, seats_total FROM shows"
        " ON CONFLICT DO NOTHING"
    )


async def _apply_orders(connection: Connection, events: list[Event]) -> None:
    moved = seats_moved(await inbox.take_new(connection, CONSUMER, events))
    if not moved:
        return
    tag = await connection.execute(
        "UPDATE availability a SET seats_left = a.seats_left + m.seats"
        " FROM unnest($1::int[], $2::int[]) AS m(show_id, seats) WHERE a.show_id = m.show_id",
        list(moved),
        list(moved.values()),
    )
    if tag != f"UPDATE {len(moved)}":
        raise UnknownShow(f"one of {sorted(moved)}")
