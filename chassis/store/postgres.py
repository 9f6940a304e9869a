"""Postgres with failover in mind: nothing waits long, and what is safe to repeat is repeated.

The DSN names several hosts with target_session_attrs=read-write, so that a new connection finds
the primary wherever it is. No connection is made before it is needed: a process starts, listens
and is live while Postgres is away.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import asyncpg

from chassis.metrics import POSTGRES_CONNECTIONS, STORE_ERRORS, STORE_SECONDS
from chassis.resilience import remaining_or
from chassis.store.errors import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Sequence

log = logging.getLogger(__name__)

T = TypeVar("T")
if TYPE_CHECKING:  # generic in the stubs only
    Connection = asyncpg.pool.PoolConnectionProxy[asyncpg.Record]
    _BaseConnection = asyncpg.Connection[asyncpg.Record]
else:
    Connection = asyncpg.pool.PoolConnectionProxy
    _BaseConnection = asyncpg.Connection

_ACQUIRE_SECONDS = 0.8
_CONNECT_SECONDS = 1.0
_COMMAND_SECONDS = 4.0
_MIGRATE_SECONDS = 300
_TRIES = 3
_PAUSE_SECONDS = 0.05

# The server is away, going down, or no longer the primary: another connection may do better.
_AWAY = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.TargetServerAttributeNotMatched,
)
# Somebody was in the way: the same transaction may go through now.
_CONFLICT = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError)
# The server cut a transaction that stood still: what it held is free again.
_CUT = (asyncpg.IdleInTransactionSessionTimeoutError,)
# Somebody was in the way for longer than the server lets anyone wait, or it has no room left. The
# caller gets these as they are: what they mean depends on what was asked for.
BUSY = (
    asyncpg.LockNotAvailableError,
    asyncpg.QueryCanceledError,
    asyncpg.TransactionTimeoutError,
    asyncpg.InsufficientResourcesError,
)


class _Connection(_BaseConnection):
    """Returns to the pool without the usual reset, a round trip: nobody changes session state."""

    def get_reset_query(self) -> str:
        return ""


class Database:
    """A pool of connections, and transactions on it."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record]) -> None:
        self._pool = pool

    @classmethod
    @asynccontextmanager
    async def open(cls, dsn: str, *, size: int = 8) -> AsyncIterator[Database]:
        """Makes the pool, without connecting; closes it at the end, within two seconds."""
        pool = await asyncpg.create_pool(
            dsn,
            min_size=0,
            max_size=size,
            connection_class=_Connection,
            timeout=_CONNECT_SECONDS,
            command_timeout=_COMMAND_SECONDS,
            max_inactive_connection_lifetime=0,
            server_settings={"jit": "off"},
        )
        try:
            yield cls(pool)
        finally:
            try:
                async with asyncio.timeout(2):
                    await pool.close()
            except TimeoutError:
                pool.terminate()

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Connection]:
        async with self._pool.acquire(timeout=_ACQUIRE_SECONDS) as connection:
            size, idle = self._pool.get_size(), self._pool.get_idle_size()
            POSTGRES_CONNECTIONS.labels("busy").set(size - idle)
            POSTGRES_CONNECTIONS.labels("idle").set(idle)
            yield connection

    async def transact(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        """Runs `work` in one transaction and commits; returns what `work` returned.

        It is run again when the connection breaks, even at the commit, whose fate is then
        unknown: so `work` must find out by a key of its own that it was done before.

        Raises:
            StoreUnavailable: Postgres is away, or every connection is busy.
        """

        async def once() -> T:
            async with self._connection() as connection, connection.transaction():
                return await work(connection)

        return await self._persist("transact", once)

    async def fetch(self, query: str, *args: Any) -> list[asyncpg.Record]:
        """Reads rows. For reading only: it is sent again when a connection breaks."""

        async def once() -> list[asyncpg.Record]:
            async with self._connection() as connection:
                return await connection.fetch(query, *args)

        return await self._persist("fetch", once)

    async def fetchrow(self, query: str, *args: Any) -> asyncpg.Record | None:
        """Reads one row, or None. For reading only, as `fetch`."""
        rows = await self.fetch(query, *args)
        return rows[0] if rows else None

    async def execute(self, query: str, *args: Any) -> str:
        """Runs one statement that may be repeated without harm; returns its command tag."""

        async def once() -> str:
            async with self._connection() as connection:
                return await connection.execute(query, *args)

        return await self._persist("execute", once)

    async def migrate(
        self, *sources: Path, fill: Callable[[Connection], Awaitable[None]] | None = None
    ) -> None:
        """Applies the .sql files of the given files and folders in order, each once, ever.

        A file's name is its identity. `fill` runs afterwards, each time, for data that must be
        there; all is one transaction, and instances that start together take turns by a lock.

        Raises:
            StoreUnavailable: Postgres is away.
        """
        try:
            await self._apply(sources, fill)
            await self._fill_pool()
        except (*_AWAY, TimeoutError) as error:
            raise StoreUnavailable(f"Postgres: {type(error).__name__}") from error

    async def _apply(
        self, sources: Sequence[Path], fill: Callable[[Connection], Awaitable[None]] | None
    ) -> None:
        async with self._pool.acquire(timeout=_ACQUIRE_SECONDS) as connection:
            await connection.execute(
                "SET statement_timeout = 0; SET lock_timeout = 0; SET transaction_timeout = 0;"
                "SET idle_in_transaction_session_timeout = 0"
            )
            try:
                async with connection.transaction():
                    await _migrate(connection, _sql_files(sources))
                    if fill is not None:
                        await fill(connection)
            finally:
                await connection.execute("RESET ALL")

    async def _fill_pool(self) -> None:
        """Opens every connection, and has the client learn the types of arrays on each.

        When another zone dies its work comes here at once: no time then to open connections.
        """
        async with AsyncExitStack() as held:
            for _ in range(self._pool.get_max_size()):
                connection = await held.enter_async_context(
                    self._pool.acquire(timeout=_ACQUIRE_SECONDS)
                )
                await connection.fetch("SELECT $1::uuid[], $2::int[]", [], [])

    async def _persist(self, operation: str, once: Callable[[], Awaitable[T]]) -> T:
        """Up to three tries, within the request's deadline."""
        began = time.perf_counter()
        try:
            for last in [*[False] * (_TRIES - 1), True]:
                try:
                    return await once()
                except (*_AWAY, *_CONFLICT, *_CUT, TimeoutError) as error:
                    kind = type(error).__name__
                    STORE_ERRORS.labels("postgres", kind).inc()
                    out_of_time = remaining_or(_COMMAND_SECONDS) < _ACQUIRE_SECONDS
                    # All connections busy, or a server that hangs: another try adds to the jam.
                    if last or out_of_time or isinstance(error, TimeoutError):
                        raise StoreUnavailable(f"Postgres: {kind}") from error
                    await asyncio.sleep(_PAUSE_SECONDS)
            raise AssertionError  # the last try returns or raises
        finally:
            STORE_SECONDS.labels("postgres", operation).observe(time.perf_counter() - began)


def _sql_files(sources: Sequence[Path]) -> list[Path]:
    return [f for s in sources for f in (sorted(s.glob("*.sql")) if s.is_dir() else [s])]


async def _migrate(connection: Connection, files: list[Path]) -> None:
    await connection.execute(
        "SELECT pg_advisory_xact_lock(hashtext('migrate'))", timeout=_MIGRATE_SECONDS
    )
    await connection.execute(
        "CREATE TABLE IF NOT EXISTS migrations"
        " (name text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())"
    )
    applied = {r["name"] for r in await connection.fetch("SELECT name FROM migrations")}
    for file in files:
        if file.name in applied:
            continue
        await connection.execute(file.read_text(), timeout=_MIGRATE_SECONDS)
        await connection.execute("INSERT INTO migrations (name) VALUES ($1)", file.name)
        log.info("migrated", extra={"file": file.name})
