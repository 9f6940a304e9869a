"""Postgres with failover in mind: nothing waits long, and what is safe to repeat is repeated.

The DSN names all servers, and chassis.store.servers finds the one to use. No connection is made
before it is needed: a process starts, listens and is live while Postgres is away.

A call waits for a server for PATIENCE seconds, then it is for its caller to come back (503). Where
the server had time to say goodbye (a switchover, a stop in order) its successor is a few seconds
away, and the call waits for that, as long as its deadline lets it.

A commit that waits for the synchronous standby is never cancelled: the server would call it done
without the standby, and others would see it. Its connection is dropped instead, the server goes on
waiting, and what the transaction held stays held until its fate is known.

A read is linearizable, unless it asks for less: it has everything that was acknowledged before it.
A primary that is cut off with some callers does not know at once that it has a successor. So after
the read the server is asked whether it is the primary for certain, once in a second or two; where
it does not know, the standby has to confirm an empty commit, and does not if it was promoted.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import asyncpg

from chassis.metrics import POSTGRES_CONNECTIONS, STORE_ERRORS, STORE_SECONDS
from chassis.resilience import current_deadline
from chassis.store.errors import StoreBusy, StoreLocked, StoreUnavailable
from chassis.store.servers import CONNECT_SECONDS, Servers

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

_PATIENCE_SECONDS = 0.8
_FAREWELL_PATIENCE_SECONDS = 3.5
_LEAST_SECONDS = 0.05  # with less time than this nothing is begun
# Of what is left to the deadline: so long may the word that it did not go take to the caller, three
# hops away, on a machine that is as busy as one is where a zone has just died.
_BACK_SECONDS = 1.0
_BACK_SHARE = 0.5  # of what is left, where that is less than two seconds
_ROLLBACK_SECONDS = 0.4  # whoever takes longer is away: the end of the connection is a rollback too
_DOUBT_SECONDS = 0.25
_COMMAND_SECONDS = 4.0
_COMMIT_SECONDS = 2.0  # below the command's, whose end would be a cancellation
_CERTAIN_SECONDS = 1.0
_MIGRATE_SECONDS = 300
_TRIES = 3
_PAUSE_SECONDS = 0.05
_REMOVE_ROWS = 5_000
_REMOVE_PAUSE_SECONDS = 0.05  # others want the server as well

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
_STEPPED_DOWN = (
    asyncpg.AdminShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.TargetServerAttributeNotMatched,
)
# Somebody was in the way: the same transaction may go through now.
_CONFLICT = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError)
# The server cut a transaction that stood still: what it held is free again.
_CUT = (asyncpg.IdleInTransactionSessionTimeoutError,)
# The server lets nobody wait or work for longer than this, or it has no room left. Nothing of the
# transaction was done, and to ask again at once would only add to it.
_LOCKED = (asyncpg.LockNotAvailableError,)
_BUSY = (
    asyncpg.QueryCanceledError,
    asyncpg.TransactionTimeoutError,
    asyncpg.InsufficientResourcesError,
)


class _Connection(_BaseConnection):
    """Returns to the pool without the usual reset, a round trip: nobody changes session state."""

    _primary_until = 0.0

    def get_reset_query(self) -> str:
        return ""

    async def certain(self) -> None:
        """Returns if nobody else was the primary when it was called: what was read is not old.

        Raises:
            TimeoutError: the server does not know, and no standby confirms it.
        """
        now = time.monotonic()
        if now < self._primary_until:
            return
        seconds = await self.fetchval("SELECT replication.primary_for_seconds()")
        if seconds > 0:
            self._primary_until = now + seconds
            return
        await self.execute(
            "SELECT pg_logical_emit_message(true, 'certain', '')", timeout=_CERTAIN_SECONDS
        )


class Database:
    """A pool of connections, and transactions on it."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record], servers: Servers) -> None:
        self._pool = pool
        self._servers = servers

    @classmethod
    @asynccontextmanager
    async def open(
        cls, dsn: str, *, size: int = 8, prefer: str | None = None
    ) -> AsyncIterator[Database]:
        """Makes the pool, without connecting; closes it at the end, within two seconds.

        With `prefer`, a host of the DSN, it is for reading only: from that one while it answers.
        """
        servers = Servers(dsn, prefer=prefer)
        async with cls._on(servers, dsn, size) as database:
            yield database

    @classmethod
    @asynccontextmanager
    async def open_two(
        cls, dsn: str, *, size: int, apart: int
    ) -> AsyncIterator[tuple[Database, Database]]:
        """As `open`, and a second pool, of `apart` connections to the same server.

        For what must go on while all connections of the first one are taken.
        """
        servers = Servers(dsn)
        async with cls._on(servers, dsn, size) as first, cls._on(servers, dsn, apart) as second:
            yield first, second

    @classmethod
    @asynccontextmanager
    async def _on(cls, servers: Servers, dsn: str, size: int) -> AsyncIterator[Database]:
        pool = await asyncpg.create_pool(
            dsn,
            min_size=0,
            max_size=size,
            connect=servers.connect,
            connection_class=_Connection,
            timeout=CONNECT_SECONDS,
            command_timeout=_COMMAND_SECONDS,
            max_inactive_connection_lifetime=0,
            server_settings={"jit": "off"},
        )
        servers.on_change.append(lambda: _expire(pool))
        try:
            yield cls(pool, servers)
        finally:
            await servers.aclose()
            try:
                async with asyncio.timeout(2):
                    await pool.close()
            except TimeoutError:
                pool.terminate()

    @asynccontextmanager
    async def _connection(self, seconds: float) -> AsyncIterator[Connection]:
        async with self._pool.acquire(timeout=seconds) as connection:
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
            StoreBusy: it cut `work` short, or has no room. Nothing was done.
            StoreLocked: what `work` needed stayed locked for the server's lock_timeout.
        """

        async def once(seconds: float) -> T:
            async with self._connection(seconds) as connection, _transaction(connection):
                return await work(connection)

        return await self._persist("transact", once)

    async def fetch(self, query: str, *args: Any) -> list[asyncpg.Record]:
        """Reads rows. For reading only: it is sent again when a connection breaks.

        They are as of a moment after the call, with all that had been acknowledged.
        """
        return await self._rows("fetch", query, args, certain=True)

    async def returning(self, query: str, *args: Any) -> list[asyncpg.Record]:
        """Runs one statement that writes, or locks, and returns rows; it may be repeated.

        It is confirmed by the standby, and so is what it returns.
        """
        return await self._rows("returning", query, args, certain=False)

    async def _rows(
        self, operation: str, query: str, args: Sequence[Any], *, certain: bool
    ) -> list[asyncpg.Record]:
        async def once(seconds: float) -> list[asyncpg.Record]:
            async with self._connection(seconds) as connection:
                rows = await connection.fetch(query, *args)
                if certain:
                    await cast("_Connection", connection).certain()
                return rows

        return await self._persist(operation, once)

    async def fetchrow(self, query: str, *args: Any) -> asyncpg.Record | None:
        """Reads one row, or None. For reading only, as `fetch`."""
        rows = await self.fetch(query, *args)
        return rows[0] if rows else None

    async def fetch_aged(self, query: str, *args: Any) -> tuple[list[asyncpg.Record], float]:
        """Reads rows where they may be older; also gives by how many seconds at most.

        Raises:
            StoreUnavailable: no server answers, or the one that does cannot tell its age.
        """
        self._servers.improve()

        async def once(seconds: float) -> tuple[list[asyncpg.Record], float | None]:
            async with self._connection(seconds) as connection:
                age: float | None = await connection.fetchval(
                    "SELECT replication.staleness_seconds()"
                )
                began = time.monotonic()
                rows = await connection.fetch(query, *args)
                return rows, None if age is None else age + time.monotonic() - began

        rows, age = await self._persist("fetch_aged", once)
        if age is None:
            raise StoreUnavailable("Postgres: a standby that never heard of its primary")
        return rows, age

    async def execute(self, query: str, *args: Any) -> str:
        """Runs one statement that may be repeated without harm; returns its command tag."""

        async def once(seconds: float) -> str:
            async with self._connection(seconds) as connection:
                return await connection.execute(query, *args)

        return await self._persist("execute", once)

    async def remove(self, table: str, condition: str, *args: Any) -> None:
        """Removes the rows of `table` for which `condition` holds, some at a time.

        All at once would be cut short, and never be done, where nobody removed any for long. Rows
        that another instance is just removing are left to it.
        """
        query = (
            f"DELETE FROM {table} WHERE ctid = ANY(ARRAY(SELECT ctid FROM {table}"  # noqa: S608
            f" WHERE {condition} LIMIT {_REMOVE_ROWS} FOR UPDATE SKIP LOCKED))"
        )
        while True:
            if await self.execute(query, *args) != f"DELETE {_REMOVE_ROWS}":
                return
            await asyncio.sleep(_REMOVE_PAUSE_SECONDS)

    async def migrate(
        self, *sources: Path, fill: Callable[[Connection], Awaitable[None]] | None = None
    ) -> None:
        """Applies the .sql files of the given files and folders in order, each once, ever.

        A file's name is its identity. `fill` runs afterwards, each time, for data that must be
        there; all is one transaction, and instances that start together take turns by a lock.

        Raises:
            StoreUnavailable: Postgres is away, or too busy.
        """
        try:
            await self._apply(sources, fill)
            await self._fill_pool()
        except (*_AWAY, *_LOCKED, *_BUSY, TimeoutError) as error:
            raise StoreUnavailable(f"Postgres: {type(error).__name__}") from error

    async def _apply(
        self, sources: Sequence[Path], fill: Callable[[Connection], Awaitable[None]] | None
    ) -> None:
        async with self._pool.acquire(timeout=_PATIENCE_SECONDS) as connection:
            await connection.execute(
                "SET statement_timeout = 0; SET lock_timeout = 0; SET transaction_timeout = 0;"
                "SET idle_in_transaction_session_timeout = 0"
            )
            try:
                async with _transaction(connection):
                    await _migrate(connection, _sql_files(sources))
                    if fill is not None:
                        await fill(connection)
            finally:
                if not connection.is_closed():
                    await connection.execute("RESET ALL")

    async def _fill_pool(self) -> None:
        """Opens every connection, and has the client learn the types of arrays on each.

        When another zone dies its work comes here at once: no time then to open connections.
        """
        async with AsyncExitStack() as held:
            for _ in range(self._pool.get_max_size()):
                connection = await held.enter_async_context(
                    self._pool.acquire(timeout=_PATIENCE_SECONDS)
                )
                await connection.fetch("SELECT $1::uuid[], $2::int[]", [], [])

    async def _persist(self, operation: str, once: Callable[[float], Awaitable[T]]) -> T:
        """Tries again, on another connection, within its patience and the request's deadline."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        end = _end(began)
        doubt = loop.call_later(_DOUBT_SECONDS, self._servers.doubt)
        conflicts = 0
        try:
            while True:
                try:
                    least = loop.time() + _LEAST_SECONDS
                    async with asyncio.timeout_at(None if end is None else max(least, end)):
                        result = await once(max(_LEAST_SECONDS, self._patience(began, end)))
                except (*_AWAY, *_CONFLICT, *_CUT, TimeoutError) as error:
                    kind = type(error).__name__
                    STORE_ERRORS.labels("postgres", kind).inc()
                    self._note(error)
                    conflicts += isinstance(error, (*_CONFLICT, *_CUT))
                    if conflicts == _TRIES or self._patience(began, end) < _LEAST_SECONDS:
                        raise StoreUnavailable(f"Postgres: {kind}") from error
                    await asyncio.sleep(_PAUSE_SECONDS)
                except (*_LOCKED, *_BUSY) as error:
                    kind = type(error).__name__
                    STORE_ERRORS.labels("postgres", kind).inc()
                    self._servers.heard()
                    refused = StoreLocked if isinstance(error, _LOCKED) else StoreBusy
                    raise refused(f"Postgres: {kind}") from error
                else:
                    self._servers.heard()
                    return result
        finally:
            doubt.cancel()
            STORE_SECONDS.labels("postgres", operation).observe(loop.time() - began)

    def _patience(self, began: float, end: float | None) -> float:
        """Seconds that a call which began then may still wait for a server."""
        now = asyncio.get_running_loop().time()
        left = math.inf if end is None else end - now
        return patience(now - began, left, farewell=self._servers.farewell)

    def _note(self, error: Exception) -> None:
        away = isinstance(error, (OSError, asyncpg.PostgresConnectionError, *_STEPPED_DOWN))
        if away and not isinstance(error, TimeoutError):
            self._servers.lost(error)


def patience(waited: float, left: float, *, farewell: bool) -> float:
    """Seconds that a call may still wait for a server.

    Args:
        waited: seconds since the call began.
        left: seconds until it has to end (`usable`).
        farewell: a server said goodbye, so that another one comes soon.
    """
    most = _FAREWELL_PATIENCE_SECONDS if farewell else _PATIENCE_SECONDS
    return min(most - waited, left)


def usable(left: float) -> float:
    """Seconds until a call has to end whose request has `left` seconds until its deadline.

    Whoever waits to the very end is answered for by the hop before it, which knows less: a 504,
    instead of a 503 that tells when to come back.
    """
    return left - min(_BACK_SECONDS, _BACK_SHARE * left)


def _end(began: float) -> float | None:
    """When a call has to end that begins now; None where there is no deadline."""
    deadline = current_deadline.get()
    return None if deadline is None else began + usable(deadline.remaining())


@asynccontextmanager
async def _transaction(connection: Connection) -> AsyncIterator[None]:
    """A transaction whose commit is given up only together with its connection."""
    transaction = connection.transaction()
    await transaction.start()
    try:
        yield
    except BaseException:
        await _roll_back(connection, transaction)
        raise
    commit = asyncio.ensure_future(transaction.commit())
    try:
        await asyncio.wait({commit}, timeout=_COMMIT_SECONDS)
    finally:
        if not commit.done():
            connection.terminate()
            await asyncio.gather(commit, return_exceptions=True)
    await commit


async def _roll_back(connection: Connection, transaction: asyncpg.transaction.Transaction) -> None:
    try:
        async with asyncio.timeout(_ROLLBACK_SECONDS):
            if not connection.is_closed():
                await transaction.rollback()
    except (*_AWAY, asyncpg.PostgresError):
        connection.terminate()


def _expire(pool: asyncpg.Pool[asyncpg.Record]) -> None:
    """Connections to the server of before are closed as they come back."""
    task = asyncio.ensure_future(pool.expire_connections())
    task.add_done_callback(lambda t: t.exception())


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
