"""Which of several Postgres servers to use, so that a failover costs a caller no more than it must.

While none is known all are asked at once, and each again by the connection that it gave: a standby
that is promoted is found a moment later, and a dead name or a mute address holds up nobody. It is
one search for all who wait. A primary of an older timeline than one seen before is not believed:
it was replaced and does not know it yet.

Whoever has waited a while for an answer raises a doubt. Then the server is asked something easy;
when that stays unanswered too, and nobody else heard of it, every connection to it is dropped and
the next one is looked for: waiting for a server that hangs ends after less than a second. Where
nobody has asked for some seconds the doubt comes by itself, else whoever asks next has to wait, and
is refused.

A connection takes five messages there and back, so from afar it may take longer than its caller's
patience. It is opened all the same, and is the next caller's: else a server that is only slow would
lose one connection after the other, and never get another.
"""

from __future__ import annotations

import asyncio
import logging
import re
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

import asyncpg
from asyncpg.connect_utils import SessionAttribute

from chassis.metrics import POSTGRES_SERVER_CHANGES

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]
else:
    Connection = asyncpg.Connection

log = logging.getLogger(__name__)

_LOOK_UP_SECONDS = 1.0
CONNECT_SECONDS = 2.0  # with 200 ms there and back it takes 1.2 s
_ANSWER_SECONDS = 0.5
_AGAIN_SECONDS = 0.2
_BETTER_SECONDS = 0.3  # once one has answered, how long the preferred one is waited for
_IMPROVE_SECONDS = 10.0
_QUIET_SECONDS = 5.0
_DEFAULT_PORT = 5432

# A standby says what it has of the primary's timeline; only a primary says which it is on.
_ROLE = (
    "SELECT pg_is_in_recovery() AS standby, CASE WHEN pg_is_in_recovery() THEN 0 ELSE"
    " ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int END AS timeline"
)
_DSN = re.compile(r"(\w+://(?:[^/?]*@)?)([^/?]*)(.*)", re.DOTALL)
_SILENT = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError)
# It says that it is no primary any more: it had time to hand over.
_FAREWELL = (
    asyncpg.AdminShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.TargetServerAttributeNotMatched,
)
_FAREWELL_SECONDS = 5.0
# A machine that dies may refuse for a moment; one that lives still does so long after the break.
_REFUSING_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Server:
    """An address of the DSN."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Found:
    """A server that answered, at which address, and the connection that it was asked by."""

    server: Server
    address: str
    standby: bool
    timeline: int
    connection: Connection


class Servers:
    """Connects to the one that is wanted: the primary, or for reading any, one before others."""

    def __init__(self, dsn: str, *, prefer: str | None = None) -> None:
        """`prefer` is the host to read from if it answers; without it only the primary will do."""
        self._dsn = dsn
        self._servers = read_servers(dsn)
        self._prefer = prefer
        self._server: Server | None = None
        self._address = ""  # of the server: a name is looked up once, not for each connection
        self._last: Server | None = None
        self._monitor: Connection | None = None
        self._timeline = 0
        self._search: asyncio.Task[Server] | None = None
        self._check: asyncio.Task[None] | None = None
        self._quiet: asyncio.TimerHandle | None = None
        self._connections: WeakSet[Connection] = WeakSet()
        # Connections whose callers gave up, made or not yet: never more than a pool is short of.
        self._left: list[asyncio.Task[Connection]] = []
        self._farewell_at: float | None = None
        self._broke_at: float | None = None
        self._heard = 0.0
        self._found_at = 0.0
        self.on_change: list[Callable[[], None]] = []

    async def connect(self, *_: object, **options: Any) -> Connection:
        """A new connection, for a pool; its other `options` are the pool's.

        Raises:
            OSError, TimeoutError, asyncpg.PostgresError: the server that was known is away.
        """
        server = self._server
        if server is None:
            server = await asyncio.shield(self._find())
        address = self._address
        # (The DSN's target_session_attrs is checked here: a primary may have stepped down.)
        options |= {"host": address, "port": server.port}
        opening = self._taken() or asyncio.create_task(self._open(server, options))
        try:
            return await asyncio.shield(opening)
        except asyncio.CancelledError:
            if address == self._address:
                self._left.append(opening)
            else:
                _drop(opening)
            raise

    async def _open(self, server: Server, options: dict[str, Any]) -> Connection:
        if self._prefer is not None:
            options["target_session_attrs"] = SessionAttribute.any
        try:
            connection: Connection = await asyncpg.connect(self._dsn, **options)
        except _SILENT as error:
            if not isinstance(error, asyncpg.TooManyConnectionsError):
                self.lost(error, server)
            raise
        self._connections.add(connection)
        self.heard()
        return connection

    def _taken(self) -> asyncio.Task[Connection] | None:
        """One that its caller left, if it may be of use still."""
        while self._left:
            opening = self._left.pop(0)
            if not (opening.done() and _of_no_use(opening)):
                return opening
        return None

    def heard(self) -> None:
        """A call was answered."""
        self._heard = asyncio.get_running_loop().time()

    def lost(self, error: Exception, server: Server | None = None) -> None:
        """A connection broke: looks anew, unless another server than that is known by now."""
        if server is None or server == self._last:
            self._note(error)
        if server is None or server == self._server:
            self._server = None
            self._find()

    @property
    def farewell(self) -> bool:
        """Whether a server said goodbye some seconds ago.

        Another one comes soon, and a moment later a standby for it, without which no commit ends.
        """
        at = self._farewell_at
        return at is not None and asyncio.get_running_loop().time() - at < _FAREWELL_SECONDS

    def _note(self, error: Exception) -> None:
        """Whether the server that was used says goodbye, or its machine lives without it."""
        now = asyncio.get_running_loop().time()
        farewell = isinstance(error, _FAREWELL)
        if not isinstance(error, TimeoutError):
            self._broke_at = self._broke_at or now
            if isinstance(error, ConnectionRefusedError):
                farewell = now - self._broke_at >= _REFUSING_SECONDS
        if farewell and not self.farewell:
            self._farewell_at = now

    def doubt(self) -> None:
        """Somebody has waited for a while: finds out whether the server is there at all."""
        if self._server is not None and self._check is None:
            self._check = asyncio.create_task(self._ask_monitor(), name="postgres-doubt")
            self._check.add_done_callback(self._checked)

    def _doubt_when_quiet(self) -> None:
        loop = asyncio.get_running_loop()
        if self._quiet is not None:
            self._quiet.cancel()
        if loop.time() - self._heard >= _QUIET_SECONDS:
            self.doubt()
        self._quiet = loop.call_later(_QUIET_SECONDS, self._doubt_when_quiet)

    def improve(self) -> None:
        """Looks for the preferred server again, if another is used, every ten seconds."""
        now = asyncio.get_running_loop().time()
        server = self._server
        if server and server.host != self._prefer and now - self._found_at > _IMPROVE_SECONDS:
            self._found_at = now
            self._find()

    async def aclose(self) -> None:
        """Stops looking."""
        self._drop_left()
        if self._quiet is not None:
            self._quiet.cancel()
        tasks = [task for task in (self._search, self._check) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._monitor is not None:
            self._monitor.terminate()

    def _drop_left(self) -> None:
        for opening in self._left:
            _drop(opening)
        self._left.clear()

    def _find(self) -> asyncio.Task[Server]:
        if self._search is None:
            self._search = asyncio.create_task(self._look(), name="postgres-search")
            self._search.add_done_callback(self._searched)
        return self._search

    def _searched(self, task: asyncio.Task[Server]) -> None:
        self._search = None
        if not task.cancelled() and task.exception() is not None:
            log.error("the search for a server failed", exc_info=task.exception())

    def _checked(self, _: asyncio.Task[None]) -> None:
        self._check = None

    async def _look(self) -> Server:
        asked = {asyncio.create_task(self._watch(server)) for server in self._servers}
        found: list[Found] = []
        try:
            waiting = asked
            while waiting and not (found and self._rank(min(found, key=self._rank)) == 0):
                seconds = _BETTER_SECONDS if found else None
                done, waiting = await asyncio.wait(
                    waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED
                )
                found += [task.result() for task in done]
                if not done:
                    break
            best = min(found, key=self._rank)
        finally:
            for task in asked:
                task.cancel()
            await asyncio.gather(*asked, return_exceptions=True)
            for one in found:
                if one is not min(found, key=self._rank):
                    one.connection.terminate()
        self._use(best)
        return best.server

    def _rank(self, found: Found) -> int:
        if self._prefer is None or found.server.host == self._prefer:
            return 0
        return 1 if found.standby else 2

    def _use(self, found: Found) -> None:
        if self._monitor is not None:
            self._monitor.terminate()
        self._monitor = found.connection
        self._timeline = max(self._timeline, found.timeline)
        changed = found.server != self._last
        self._server = self._last = found.server
        if found.address != self._address:
            self._drop_left()
        self._address = found.address
        self.heard()
        self._found_at = self._heard
        self._broke_at = None
        self._doubt_when_quiet()
        if changed:
            POSTGRES_SERVER_CHANGES.inc()
            log.info("postgres", extra={"server": found.server.host, "standby": found.standby})
            for told in self.on_change:
                told()

    async def _watch(self, server: Server) -> Found:
        """Asks one server until it is one that may be used."""
        connection: Connection | None = None
        address = ""
        try:
            while True:
                try:
                    if connection is None:
                        address = await _resolve(server)
                        connection = await self._connect_to(address, server.port)
                    row = await connection.fetchrow(_ROLE, timeout=_ANSWER_SECONDS)
                except _SILENT as error:
                    if server == self._last:
                        self._note(error)
                    if connection is not None:
                        connection.terminate()
                    connection = None
                else:
                    if row is not None and self._good(row["standby"], row["timeline"]):
                        given, connection = connection, None
                        return Found(server, address, row["standby"], row["timeline"], given)
                await asyncio.sleep(_AGAIN_SECONDS)
        finally:
            if connection is not None:
                connection.terminate()

    def _good(self, standby: bool, timeline: int) -> bool:
        if self._prefer is not None:
            return True
        return not standby and timeline >= self._timeline

    async def _connect_to(self, address: str, port: int) -> Connection:
        connection: Connection = await asyncpg.connect(
            self._dsn,
            host=address,
            port=port,
            target_session_attrs=SessionAttribute.any,
            timeout=CONNECT_SECONDS,
        )
        return connection

    async def _ask_monitor(self) -> None:
        began = asyncio.get_running_loop().time()
        server, monitor = self._server, self._monitor
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                if server is not None and (monitor is None or monitor.is_closed()):
                    monitor = self._monitor = await self._connect_to(self._address, server.port)
                if monitor is not None:
                    await monitor.fetchval("SELECT 1")
        except _SILENT as error:
            if self._heard >= began or server != self._server:
                return
            log.warning("postgres is silent", extra={"server": server.host if server else "-"})
            if monitor is not None:
                monitor.terminate()
            for connection in list(self._connections):
                connection.terminate()
            self.lost(error, server)


def _of_no_use(opened: asyncio.Task[Connection]) -> bool:
    return opened.cancelled() or opened.exception() is not None or opened.result().is_closed()


def _drop(opening: asyncio.Task[Connection]) -> None:
    """Ends it, or the connection that came of it."""

    def end(done: asyncio.Task[Connection]) -> None:
        if not _of_no_use(done):
            done.result().terminate()

    opening.cancel()
    opening.add_done_callback(end)


async def _resolve(server: Server) -> str:
    """The address of a server's name, by a look-up that may be given up (create_connection's not).

    Raises:
        OSError: it has none, or nobody knows in time.
    """
    async with asyncio.timeout(_LOOK_UP_SECONDS):
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(server.host, server.port, type=socket.SOCK_STREAM)
    return str(found[0][4][0])


def read_servers(dsn: str) -> list[Server]:
    """The servers that a DSN names, comma separated.

    Raises:
        ValueError: it is no DSN, or names none.
    """
    match = _DSN.fullmatch(dsn)
    if match is None or not match[2]:
        raise ValueError("A DSN is postgresql://user:password@host:port,host:port/database")
    named = [host.rpartition(":") for host in match[2].split(",")]
    return [Server(h, int(p)) if c else Server(p, _DEFAULT_PORT) for h, c, p in named]
