"""Consumers' side of exactly one effect: each event is let through once, with its effect."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from chassis.metrics import BUS_DUPLICATES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chassis.bus.event import Event
    from chassis.store.postgres import Connection, Database

KEEP_DAYS = 30
"""Days, and longer than any event can come again.

Kafka keeps a record for a week after the last one of its segment, and a quiet partition fills a
segment for up to a week: 14 days. A dead letter that was written at their end stays for 14 days
more, and its replay tells the event to all groups: 28 days after the first of them marked it.
"""


async def take_new(connection: Connection, consumer: str, events: Sequence[Event]) -> list[Event]:
    """Marks `events` as received, and returns those that were not marked before, in order.

    Call it first in the transaction of the effect: mark and effect stand or fall together. The
    marks that were there are locked for sharing only because that is a write: the commit waits for
    the standby, so no offset moves past an effect that one machine has (one that was not confirmed
    when its server died and came back as the primary).
    """
    once = list({e.id: e for e in events}.values())
    rows = await connection.fetch(
        "INSERT INTO inbox (consumer, event_id) SELECT $1, unnest($2::uuid[])"
        " ON CONFLICT DO NOTHING RETURNING event_id",
        consumer,
        # In one order everywhere, so that two instances with the same events cannot deadlock.
        sorted(uuid.UUID(e.id) for e in once),
    )
    new = {str(row["event_id"]) for row in rows}
    if len(new) < len(once):
        await connection.execute(
            "SELECT FROM inbox WHERE consumer = $1 AND event_id = ANY($2::uuid[]) FOR SHARE",
            consumer,
            [uuid.UUID(e.id) for e in once if e.id not in new],
        )
    if len(new) < len(events):
        BUS_DUPLICATES.labels(consumer).inc(len(events) - len(new))
    return [e for e in once if e.id in new]


async def forget_old(database: Database) -> None:
    """Removes marks that no redelivery can need any more; run it now and then."""
    await database.remove("inbox", "received_at < now() - make_interval(days => $1)", KEEP_DAYS)
