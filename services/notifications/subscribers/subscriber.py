"""What a subscriber is: a name, the events it wants, and an effect in its own transaction."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from chassis.bus import inbox
from chassis.bus.event import Event
from chassis.store.postgres import Connection, Database

Effect = Callable[[Connection, list[Event]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Subscriber:
    """`name` is its consumer group, with an offset of its own; `wants` are types of events."""

    name: str
    wants: frozenset[str]
    effect: Effect

    async def receive(self, database: Database, events: list[Event]) -> None:
        """The effect of those that had none before, and the mark of it, in one transaction.

        Raises:
            StoreUnavailable: Postgres is away.
        """
        wanted = [e for e in events if e.type in self.wants]
        if not wanted:
            return

        async def work(connection: Connection) -> None:
            new = await inbox.take_new(connection, self.name, wanted)
            if new:
                await self.effect(connection, new)

        await database.transact(work)
