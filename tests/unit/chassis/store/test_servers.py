"""What a DSN names, and what becomes of a connection that takes its time."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg
import pytest

from chassis.store.servers import Found, Server, Servers, read_servers

HERE, THERE = Server("postgres-a", 5432), Server("postgres-b", 5432)


def test_all_servers_are_read() -> None:
    dsn = "postgresql://orders:p%40ss@postgres-a:5432,postgres-b:6000,postgres-c/orders?x=y"
    assert read_servers(dsn) == [
        Server("postgres-a", 5432),
        Server("postgres-b", 6000),
        Server("postgres-c", 5432),
    ]


def test_a_dsn_without_a_password_or_a_database_will_do() -> None:
    assert read_servers("postgres://here") == [Server("here", 5432)]


@pytest.mark.parametrize("dsn", ["", "orders", "postgresql://", "postgresql:///orders"])
def test_what_names_no_server_is_refused(dsn: str) -> None:
    with pytest.raises(ValueError, match="A DSN is"):
        read_servers(dsn)


class Connection:
    """One that was made."""

    ended = False
    asked = 0

    def __init__(self, *, mute: bool = False) -> None:
        self._mute = mute

    async def fetchval(self, _: str) -> int:
        self.asked += 1
        if self._mute:
            await asyncio.Event().wait()
        return 1

    def is_closed(self) -> bool:
        return self.ended

    def terminate(self) -> None:
        self.ended = True


class Slow:
    """Servers that are far away: a connection is made when `arrive` says so."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.made: list[Any] = []
        self.arrive = asyncio.Event()

    async def connect(self, _: str, **options: Any) -> Any:
        self.asked.append(options["host"])
        await self.arrive.wait()
        self.made.append(Connection())
        return self.made[-1]


@pytest.fixture
async def slow(monkeypatch: pytest.MonkeyPatch) -> Slow:
    made = Slow()
    monkeypatch.setattr(asyncpg, "connect", made.connect)
    return made


def servers_at(address: str) -> Servers:
    servers = Servers("postgresql://postgres-a,postgres-b/orders")
    use(servers, HERE, address)
    return servers


def use(servers: Servers, server: Server, address: str, *, mute: bool = False) -> Connection:
    monitor = Connection(mute=mute)
    given: Any = monitor
    servers._use(Found(server, address, standby=False, timeline=1, connection=given))
    return monitor


async def give_up(servers: Servers) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await servers.connect()


async def give_up_and_make(servers: Servers, slow: Slow) -> None:
    await give_up(servers)
    slow.arrive.set()
    while not slow.made:
        await asyncio.sleep(0)


async def test_a_connection_that_its_caller_gave_up_is_the_next_callers(slow: Slow) -> None:
    servers = servers_at("10.0.0.1")
    await give_up(servers)
    await give_up(servers)  # takes up the same one
    slow.arrive.set()
    assert await servers.connect() is slow.made[0]
    assert slow.asked == ["10.0.0.1"]
    await servers.connect()
    assert slow.asked == ["10.0.0.1", "10.0.0.1"]


async def test_one_that_ended_meanwhile_is_not_given_to_anybody(slow: Slow) -> None:
    servers = servers_at("10.0.0.1")
    await give_up_and_make(servers, slow)
    slow.made[0].terminate()
    assert await servers.connect() is slow.made[1]


@pytest.mark.parametrize("server", [THERE, HERE], ids=["another server", "the same elsewhere"])
async def test_with_another_address_those_to_the_old_one_end(slow: Slow, server: Server) -> None:
    servers = servers_at("10.0.0.1")
    await give_up(servers)
    use(servers, server, "10.0.0.2")
    slow.arrive.set()
    assert await servers.connect() is slow.made[-1]
    assert slow.asked == ["10.0.0.1", "10.0.0.2"]
    assert [connection.ended for connection in slow.made] == [False]


async def test_whoever_closes_leaves_none_open(slow: Slow) -> None:
    servers = servers_at("10.0.0.1")
    await give_up_and_make(servers, slow)
    await servers.aclose()
    await asyncio.sleep(0)
    assert [connection.ended for connection in slow.made] == [True]


async def test_one_that_is_given_up_when_the_address_has_changed_is_nobodys(slow: Slow) -> None:
    servers = servers_at("10.0.0.1")
    waiting = asyncio.create_task(servers.connect())
    await asyncio.sleep(0)
    use(servers, HERE, "10.0.0.2")
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    slow.arrive.set()
    assert await servers.connect() is slow.made[-1]
    assert slow.asked[-1] == "10.0.0.2"


class Notes:
    """Tells of errors at times of its own; seconds after the first one."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.servers = servers_at("10.0.0.1")
        self._now = 100.0
        monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: self._now, raising=False)

    def note(self, after: float, error: Exception) -> bool:
        """Gives whether the server has said goodbye by then."""
        self._now = 100.0 + after
        self.servers._note(error)
        return self.servers.farewell


async def test_who_still_refuses_a_while_after_the_break_lives_and_said_goodbye(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its goodbye itself may be lost: the connection's reset comes before it."""
    notes = Notes(monkeypatch)
    assert not notes.note(0, ConnectionResetError())
    assert not notes.note(0.3, ConnectionRefusedError())
    assert notes.note(0.55, ConnectionRefusedError())


async def test_who_says_nothing_said_no_goodbye(monkeypatch: pytest.MonkeyPatch) -> None:
    notes = Notes(monkeypatch)
    assert not notes.note(0, TimeoutError())
    assert not notes.note(1, ConnectionRefusedError())  # a moment of dying
    assert not notes.note(1, OSError("no route to host"))


@pytest.fixture
async def searches(monkeypatch: pytest.MonkeyPatch) -> list[Servers]:
    """Time runs fast, and who begins to look for a server does no more than that."""
    monkeypatch.setattr("chassis.store.servers._QUIET_SECONDS", 0.01)
    monkeypatch.setattr("chassis.store.servers._ANSWER_SECONDS", 0.01)
    begun: list[Servers] = []

    def find(servers: Servers) -> None:
        begun.append(servers)

    monkeypatch.setattr(Servers, "_find", find)
    return begun


async def test_a_server_that_dies_while_nobody_asks_is_found_out(searches: list[Servers]) -> None:
    servers = servers_at("10.0.0.1")
    monitor = use(servers, HERE, "10.0.0.1", mute=True)
    while not searches:
        await asyncio.sleep(0)
    assert searches == [servers]
    assert monitor.ended
    await servers.aclose()


async def test_a_server_that_is_asked_when_quiet_is_kept_if_it_answers(
    searches: list[Servers],
) -> None:
    servers = servers_at("10.0.0.1")
    monitor = use(servers, HERE, "10.0.0.1")
    while monitor.asked < 3:
        await asyncio.sleep(0)
    assert searches == []
    await servers.aclose()


async def test_one_that_was_heard_of_just_now_is_not_asked() -> None:
    servers = servers_at("10.0.0.1")
    monitor = use(servers, HERE, "10.0.0.1")
    servers._doubt_when_quiet()
    await asyncio.sleep(0)
    assert monitor.asked == 0
    await servers.aclose()
