"""Producers' side of exactly one effect: what is committed is told, in order, whatever dies.

A service writes its events into the outbox table in the transaction of their cause. One relay at
a time, over all instances, holds the lease; it publishes the oldest untold events, waits until the
brokers have acknowledged them, and marks them as told. Killed in between, its successor publishes
some again: the same ids, so consumers see nothing new. A relay that was paused and comes back can
only repeat what its successor has already said; it never overtakes, since a consumer acts on the
first copy of an event, and first copies are published in the outbox's order.

Brokers that fail over cost the relay its patience, not its lease. Where nothing is acknowledged for
TELL_SECONDS it may be this instance alone that cannot reach them: it leaves the lease to another,
and takes none before what it handed over is told. While nobody reaches them, nobody has it.

What was told stays for KEEP_HOURS. The brokers have it, and it may have had no effect yet: whoever
begins anew with a backup and empty brokers takes the marks away, and all of it is told again.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from chassis.metrics import OUTBOX_LEADER, OUTBOX_WAITING
from chassis.problems import Unavailable

if TYPE_CHECKING:
    from collections.abc import Sequence

    import asyncpg

    from chassis.bus.event import Event
    from chassis.bus.producer import Producer, Record
    from chassis.store.postgres import Connection, Database

log = logging.getLogger(__name__)

SCHEMA = Path(__file__).parent / "schema"

KEEP_HOURS = 24
"""So long may an event be on its way: what was told earlier, a restore does not tell again."""

TELL_SECONDS = 20.0
_LEASE_SECONDS = 3.0
_STANDBY_SECONDS = 1.0
_RELEASE_SECONDS = 1.0
_ROUND_SECONDS = 0.1  # from one look to the next, at least
_BATCH = 500
_TRIM_SECONDS = 10.0
_TRIM_BATCH = 1000


async def append(connection: Connection, topic: str, events: Sequence[Event]) -> None:
    """Writes `events` to be published, in the caller's transaction."""
    await connection.execute(
        "INSERT INTO outbox (topic, key, value)"
        " SELECT $1, k, v FROM unnest($2::text[], $3::bytea[]) WITH ORDINALITY AS e(k, v, n)"
        " ORDER BY n",
        topic,
        [e.key for e in events],
        [e.encode() for e in events],
    )


class Relay:
    """Publishes a database's outbox, if it is this instance's turn."""

    def __init__(self, database: Database, producer: Producer, holder: str) -> None:
        """`holder` is the instance's name."""
        self._database = database
        self._producer = producer
        self._holder = holder
        self._telling: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Until cancelled; gives the lease back then, so that another takes over at once.

        Raises:
            Unavailable: Postgres is away, or Kafka is from here. Run it again.
        """
        try:
            while True:
                await self._told()
                if await self._lease():
                    OUTBOX_LEADER.set(1)
                    await self._lead()
                OUTBOX_LEADER.set(0)
                await asyncio.sleep(_STANDBY_SECONDS)
        except asyncio.CancelledError:
            if self._telling is not None:
                self._telling.cancel()
            raise
        finally:
            OUTBOX_LEADER.set(0)
            # While Postgres is away the lease ends by itself, and a stop does not wait for that.
            with suppress(Unavailable, TimeoutError):
                async with asyncio.timeout(_RELEASE_SECONDS):
                    await self._release()

    async def _lead(self) -> None:
        """Publishes until the lease is lost. It is renewed while the brokers take their time."""
        log.info("relay: active")
        publishing: asyncio.Task[None] = asyncio.create_task(self._publish())
        try:
            while await self._lease() and not publishing.done():
                await asyncio.wait({publishing}, timeout=_LEASE_SECONDS / 3)
        finally:
            publishing.cancel()
            (failure,) = await asyncio.gather(publishing, return_exceptions=True)
            log.info("relay: standing by")
        if isinstance(failure, Exception):
            raise failure

    async def _publish(self) -> None:
        loop = asyncio.get_running_loop()
        trim_at = loop.time()
        while True:
            over_at = loop.time() + _ROUND_SECONDS
            if loop.time() >= trim_at and await self._trim() < _TRIM_BATCH:
                trim_at = loop.time() + _TRIM_SECONDS
            rows = await self._untold()
            OUTBOX_WAITING.set(len(rows))
            if rows:
                await self._tell([(r["topic"], r["key"].encode(), r["value"]) for r in rows])
                await self._database.execute(
                    "UPDATE outbox SET told_at = now() WHERE position = ANY($1::bigint[])",
                    [r["position"] for r in rows],
                )
            if len(rows) < _BATCH:
                await asyncio.sleep(over_at - loop.time())

    async def _untold(self) -> list[asyncpg.Record]:
        """The oldest events that nobody was told of, and that the standby has.

        One whose commit was not confirmed when its server died can be read after that has come
        back as the primary, and would be gone with it: nothing is told that one machine only has.
        Locking is a write, so its own commit waits for the standby, which then has all before it.
        """
        return await self._database.returning(
            "SELECT position, topic, key, value FROM outbox WHERE told_at IS NULL"
            " ORDER BY position LIMIT $1 FOR SHARE",
            _BATCH,
        )

    async def _tell(self, records: list[Record]) -> None:
        """Returns when the brokers have them.

        Raises:
            Unavailable: they refused one, or said nothing for too long. Then it goes on.
        """
        self._telling = asyncio.create_task(self._producer.publish(records))
        done, _ = await asyncio.wait({self._telling}, timeout=TELL_SECONDS)
        if not done:
            raise Unavailable("Kafka: no answer here; the lease is another's")
        await self._telling

    async def _told(self) -> None:
        """Returns when nothing that was handed over is under way any more."""
        if self._telling is not None:
            await asyncio.gather(self._telling, return_exceptions=True)

    async def _trim(self) -> int:
        """Removes some of what was told long ago; how many, of _TRIM_BATCH at most."""
        tag = await self._database.execute(
            "DELETE FROM outbox WHERE position IN (SELECT position FROM outbox"
            " WHERE told_at < now() - make_interval(hours => $1) LIMIT $2)",
            KEEP_HOURS,
            _TRIM_BATCH,
        )
        return int(tag.removeprefix("DELETE "))

    async def _lease(self) -> bool:
        """Takes the lease or renews it; False while another holds it.

        The end of patience cancels it, and so it may be on one machine only: two relays at a time
        do no harm.
        """
        rows = await self._database.returning(
            "INSERT INTO leases AS l (name, holder, term, expires_at)"
            " VALUES ('outbox', $1, 1, now() + make_interval(secs => $2))"
            " ON CONFLICT (name) DO UPDATE SET holder = $1,"
            "   term = l.term + CASE WHEN l.holder = $1 THEN 0 ELSE 1 END,"
            "   expires_at = excluded.expires_at"
            " WHERE l.holder = $1 OR l.expires_at < now() RETURNING term",
            self._holder,
            _LEASE_SECONDS,
        )
        return bool(rows)

    async def _release(self) -> None:
        await self._database.execute(
            "UPDATE leases SET expires_at = now() WHERE name = 'outbox' AND holder = $1",
            self._holder,
        )
