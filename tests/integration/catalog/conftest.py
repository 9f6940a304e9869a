import asyncio
import socket
from collections.abc import AsyncIterator, Callable

import asyncpg
import pytest

from chassis.bus.outbox import SCHEMA
from chassis.store.postgres import Connection, Database
from services.catalog.main import MIGRATIONS
from services.catalog.store import put_on_show
from services.programme import programme


@pytest.fixture
async def empty(postgres: Callable[[str], str]) -> str:
    """The DSN of catalog's database, with nothing in it."""
    owner = await asyncpg.connect(postgres("catalog"))
    await owner.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    await owner.close()
    return postgres("catalog")


@pytest.fixture
async def database(empty: str) -> AsyncIterator[Database]:
    """catalog's database, with the programme in it."""

    async def fill(connection: Connection) -> None:
        await put_on_show(connection, programme())

    async with Database.open(empty) as database:
        await database.migrate(SCHEMA, MIGRATIONS, fill=fill)
        yield database


@pytest.fixture
async def copies(redis: tuple[str, str]) -> tuple[str, str]:
    """An empty Redis: its address and its password."""
    host, _, port = redis[0].partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(f"AUTH {redis[1]}\r\nFLUSHALL\r\n".encode())
    assert await reader.readline() == b"+OK\r\n"
    assert await reader.readline() == b"+OK\r\n"
    writer.close()
    await writer.wait_closed()
    return redis


@pytest.fixture
def nowhere() -> str:
    """An address where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"
