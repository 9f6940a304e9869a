"""The relay on a real Postgres: whatever happens to it, all is told, and first copies in order."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import asyncpg
import pytest

from chassis.bus import inbox, outbox
from chassis.bus.event import Event
from chassis.bus.outbox import SCHEMA, Relay
from chassis.bus.producer import Producer, Record
from chassis.lifecycle import background
from chassis.store.postgres import Database
from tests.integration.conftest import NoStandby

RESTORE = Path(__file__).parents[3] / "scripts" / "restore.sql"


class Brokers(Producer):
    """Remembers what it was given; can be told to take no more, or to be slow."""

    def __init__(self) -> None:
        self.told: list[int] = []
        self.taking = asyncio.Event()
        self.taking.set()
        self.fails_after: int | None = None

    async def publish(
        self, records: Sequence[Record], headers: list[tuple[str, bytes]] | None = None
    ) -> None:
        for _, _, value in records:
            if self.fails_after == 0:
                self.fails_after = None
                raise ConnectionError("the broker died in the middle of a batch")
            if self.fails_after is not None:
                self.fails_after -= 1
            await self.taking.wait()
            self.told.append(Event.decode(b"1", value).data["n"])

    def first_copies(self) -> list[int]:
        return list(dict.fromkeys(self.told))


@pytest.fixture
async def database(postgres: Callable[[str], str]) -> AsyncIterator[Database]:
    owner = await asyncpg.connect(postgres("tickets"))
    await owner.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    await owner.close()
    async with Database.open(postgres("tickets"), size=6) as database:
        await database.migrate(SCHEMA)
        yield database


async def write(database: Database, numbers: range) -> None:
    for n in numbers:
        event = Event.about(str(uuid.uuid4()), "Counted", "1", {"n": n})
        await database.transact(partial(outbox.append, topic="counts", events=[event]))


async def write_alone(dsn: str, n: int) -> None:
    """Commits without waiting for a standby."""
    local = {"synchronous_commit": "local"}
    async with (
        asyncpg.create_pool(dsn, min_size=1, max_size=1, server_settings=local) as alone,
        alone.acquire() as connection,
        connection.transaction(),
    ):
        event = Event.about(str(uuid.uuid4()), "Counted", "1", {"n": n})
        await outbox.append(connection, "counts", [event])


async def until_waiting_for_standby(dsn: str, statement: str) -> None:
    """Until a commit of a statement that begins so waits for a standby."""
    owner = await asyncpg.connect(dsn)
    async with asyncio.timeout(20):
        while not await owner.fetch(
            "SELECT FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND query LIKE $1 || '%'",
            statement,
        ):
            await asyncio.sleep(0.02)
    await owner.close()


async def until_told(database: Database) -> None:
    async with asyncio.timeout(20):
        while await database.fetch("SELECT FROM outbox WHERE told_at IS NULL LIMIT 1"):
            await asyncio.sleep(0.05)


@asynccontextmanager
async def relay(database: Database, brokers: Brokers, holder: str) -> AsyncIterator[None]:
    async with background(holder, Relay(database, brokers, holder).run):
        yield


async def test_what_was_written_is_told_in_order_and_once(database: Database) -> None:
    brokers = Brokers()
    async with relay(database, brokers, "a"):
        await write(database, range(50))
        await until_told(database)
    async with relay(database, brokers, "b"):
        await write(database, range(50, 60))
        await until_told(database)
    assert brokers.told == list(range(60))


async def test_what_was_told_stays_for_a_day_and_is_then_removed(database: Database) -> None:
    await write(database, range(2_500))
    await database.execute(
        "UPDATE outbox SET told_at = now() - interval '25 hours' WHERE position <= 2200"
    )
    await database.execute(
        "UPDATE outbox SET told_at = now() - interval '23 hours' WHERE position > 2200"
    )
    brokers = Brokers()
    async with relay(database, brokers, "a"), asyncio.timeout(20):
        while await database.fetch("SELECT FROM outbox WHERE position <= 2200 LIMIT 1"):
            await asyncio.sleep(0.05)
    assert len(await database.fetch("SELECT FROM outbox")) == 300
    assert brokers.told == []


async def test_what_is_untold_is_never_removed(database: Database) -> None:
    brokers = Brokers()
    brokers.taking.clear()
    await write(database, range(10))
    await database.execute(
        "UPDATE outbox SET told_at = now() - interval '25 hours' WHERE position <= 5"
    )
    async with relay(database, brokers, "a"):
        async with asyncio.timeout(20):
            while await database.fetch("SELECT FROM outbox WHERE position <= 5"):
                await asyncio.sleep(0.05)
        assert len(await database.fetch("SELECT FROM outbox")) == 5
        brokers.taking.set()
        await until_told(database)
    assert brokers.told == list(range(5, 10))


async def test_a_restore_has_it_told_again_before_what_is_new(database: Database) -> None:
    brokers = Brokers()
    async with relay(database, brokers, "a"):
        await write(database, range(20))
        await until_told(database)
    await write(database, range(20, 25))
    brokers.told.clear()
    await database.execute(RESTORE.read_text())
    async with relay(database, brokers, "a"):
        await until_told(database)
    assert brokers.told == list(range(25))


async def test_a_restore_keeps_the_marks_of_an_old_backup(database: Database) -> None:
    """Else what is told again could have its effect again, once its mark is forgotten."""
    event = Event.about(str(uuid.uuid4()), "Counted", "1", {})

    async def take() -> list[Event]:
        return await database.transact(lambda c: inbox.take_new(c, "us", [event]))

    assert await take() == [event]
    await database.execute("UPDATE inbox SET received_at = now() - interval '90 days'")
    await database.execute(RESTORE.read_text())
    await inbox.forget_old(database)
    assert await take() == []


async def test_a_restore_waits_for_no_standby(database: Database, no_standby: NoStandby) -> None:
    await write(database, range(3))
    await database.execute("UPDATE outbox SET told_at = now()")
    async with no_standby():
        await database.execute(RESTORE.read_text())
    assert len(await database.fetch("SELECT FROM outbox WHERE told_at IS NULL")) == 3


async def test_what_only_one_machine_has_is_not_told(
    database: Database, postgres: Callable[[str], str], no_standby: NoStandby
) -> None:
    """It can be read all the same, as after a primary that died unconfirmed and came back."""
    brokers = Brokers()
    async with relay(database, brokers, "a"):
        await write(database, range(1))
        await until_told(database)
        async with no_standby():
            await write_alone(postgres("tickets"), 1)
            await until_waiting_for_standby(postgres("postgres"), "SELECT position")
            assert brokers.told == [0]
        await until_told(database)
    assert brokers.first_copies() == [0, 1]


async def test_one_relay_is_active_however_many_there_are(database: Database) -> None:
    first, second = Brokers(), Brokers()
    async with relay(database, first, "a"), relay(database, second, "b"):
        await write(database, range(30))
        await until_told(database)
    assert sorted([len(first.told), len(second.told)]) == [0, 30]


async def test_after_a_clean_stop_another_takes_over_at_once(database: Database) -> None:
    first, second = Brokers(), Brokers()
    async with relay(database, first, "a"):
        await write(database, range(10))
        await until_told(database)
        async with relay(database, second, "b"):
            pass
    async with relay(database, second, "b"):
        await write(database, range(10, 20))
        await until_told(database)
    assert first.told + second.told == list(range(20))


async def test_a_batch_that_broke_in_the_middle_is_told_again_from_its_start(
    database: Database,
) -> None:
    brokers = Brokers()
    brokers.fails_after = 7
    await write(database, range(20))
    async with relay(database, brokers, "a"):
        await until_told(database)
    assert brokers.first_copies() == list(range(20))
    assert len(brokers.told) == 27


async def test_slow_brokers_cost_the_relay_its_patience_not_its_lease(database: Database) -> None:
    slow, other = Brokers(), Brokers()
    slow.taking.clear()
    async with relay(database, slow, "a"):
        await write(database, range(5))
        async with asyncio.timeout(5):
            while not await database.fetch("SELECT FROM leases WHERE holder = 'a'"):
                await asyncio.sleep(0.05)
        async with relay(database, other, "b"):
            lease = await database.fetchrow("SELECT expires_at FROM leases")
            assert lease is not None
            # Past the first lease's end: it has been renewed since, and "b" told nothing.
            async with asyncio.timeout(10):
                while not await database.fetch(
                    "SELECT FROM leases WHERE now() > $1", lease["expires_at"]
                ):
                    await asyncio.sleep(0.1)
            slow.taking.set()
            await until_told(database)
    assert slow.told == list(range(5))
    assert other.told == []


async def test_what_one_relay_cannot_tell_another_does(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first has told some, and its connections to the brokers are gone; its lease is not."""
    monkeypatch.setattr(outbox, "TELL_SECONDS", 0.5)
    cut_off, other = Brokers(), Brokers()
    async with relay(database, cut_off, "a"):
        await write(database, range(5))
        await until_told(database)
        cut_off.taking.clear()
        async with relay(database, other, "b"):
            await write(database, range(5, 10))
            await until_told(database)
            assert other.told == list(range(5, 10))
            cut_off.taking.set()  # what it has in hand comes late, and is no news
            await write(database, range(10, 15))
            await until_told(database)
    in_order = list(dict.fromkeys(cut_off.told[:5] + other.told + cut_off.told[5:]))
    assert in_order == list(range(15))


async def test_a_relay_that_was_killed_is_replaced_when_its_lease_runs_out(
    database: Database,
) -> None:
    """The dead one told some, and removed nothing."""
    await database.execute(
        "INSERT INTO leases VALUES ('outbox', 'dead', 1, now() + interval '1 second')"
    )
    await write(database, range(10))
    brokers = Brokers()
    brokers.told = [0, 1, 2]
    async with relay(database, brokers, "b"):
        await until_told(database)
    assert brokers.first_copies() == list(range(10))
    lease = await database.fetchrow("SELECT term FROM leases")
    assert lease is not None
    assert lease["term"] == 2
