"""The acquirer's ledger, while the standby that must have a charge too is away."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable

import asyncpg
import pytest

from chassis.store.errors import StoreUnavailable
from chassis.store.postgres import Database
from services.acquirer.decisions import ChargeRequest
from services.acquirer.main import MIGRATIONS
from services.acquirer.store import Store
from tests.integration.conftest import NoStandby

REQUEST = ChargeRequest(reference="an order", amount=4200, currency="EUR", card="tok_ok")


@pytest.fixture
async def database(postgres: Callable[[str], str]) -> AsyncIterator[Database]:
    owner = await asyncpg.connect(postgres("acquirer"))
    await owner.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    await owner.close()
    async with Database.open(postgres("acquirer")) as database:
        await database.migrate(MIGRATIONS)
        yield database


@pytest.fixture
def store(database: Database) -> Store:
    return Store(database)


async def charges(dsn: str) -> int:
    """As anybody sees them who asks that server."""
    owner = await asyncpg.connect(dsn)
    try:
        return len(await owner.fetch("SELECT FROM charges"))
    finally:
        await owner.close()


async def test_a_charge_that_one_machine_has_is_neither_seen_nor_told_again(
    store: Store, postgres: Callable[[str], str], no_standby: NoStandby
) -> None:
    key, dsn = uuid.uuid4().hex, postgres("acquirer")
    async with no_standby():
        with pytest.raises(TimeoutError):  # as the web shell's deadline ends a request
            async with asyncio.timeout(0.5):
                await store.charge(key, REQUEST)
        assert await charges(dsn) == 0

        with pytest.raises(StoreUnavailable):
            await store.charge(key, REQUEST)
        assert await charges(dsn) == 0

    charge, replayed = await store.charge(key, REQUEST)
    assert (charge.status, replayed) == ("captured", True)
    assert await charges(dsn) == 1


async def test_a_replay_waits_for_the_standby(store: Store, no_standby: NoStandby) -> None:
    key = uuid.uuid4().hex
    first, _ = await store.charge(key, REQUEST)

    async with no_standby():
        with pytest.raises(StoreUnavailable):
            await store.charge(key, REQUEST)

    assert await store.charge(key, REQUEST) == (first, True)


async def test_what_no_standby_confirms_is_not_read(store: Store, no_standby: NoStandby) -> None:
    """This server has nobody who tells it that it is the primary."""
    key = uuid.uuid4().hex
    await store.charge(key, REQUEST)
    async with no_standby():
        with pytest.raises(StoreUnavailable):
            await store.get(key)
    assert (await store.get(key)).status == "captured"
