"""How long a call waits for a server, and what its caller is told; the server is made up."""

from typing import Any

import asyncpg
import pytest

from chassis.store import postgres
from chassis.store.errors import StoreBusy, StoreLocked, StoreUnavailable
from chassis.store.postgres import Database, patience, usable


@pytest.mark.parametrize(
    ("waited", "left", "farewell", "expected"),
    [
        (0.0, 4.0, False, 0.8),  # a server that died: its successor takes longer than anybody waits
        (0.5, 3.5, False, 0.3),
        (0.0, 4.0, True, 3.5),  # one that said goodbye has a successor already
        (1.0, 3.0, True, 2.5),
        (0.0, 2.9, True, 2.9),  # whoever has spent of its time elsewhere
        (0.0, 0.2, False, 0.2),
    ],
)
def test_a_call_waits_for_a_successor_and_less_for_a_server_that_died(
    waited: float, left: float, farewell: bool, expected: float
) -> None:
    assert patience(waited, left, farewell=farewell) == pytest.approx(expected)


@pytest.mark.parametrize(("left", "expected"), [(5.0, 4.0), (2.0, 1.0), (1.0, 0.5), (0.0, 0.0)])
def test_the_word_that_it_did_not_go_comes_before_the_deadline(
    left: float, expected: float
) -> None:
    assert usable(left) == pytest.approx(expected)


class Refusing:
    """A pool of connections to a server that has one answer, and who knows that server."""

    farewell = False

    def __init__(self, error: Exception) -> None:
        self.error, self.asked = error, 0

    def acquire(self, **_: Any) -> Any:
        self.asked += 1
        raise self.error

    def heard(self) -> None: ...
    def doubt(self) -> None: ...


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (asyncpg.LockNotAvailableError(), StoreLocked),
        (asyncpg.QueryCanceledError(), StoreBusy),
        (asyncpg.TransactionTimeoutError(), StoreBusy),
        (asyncpg.DiskFullError(), StoreBusy),
        (asyncpg.OutOfMemoryError(), StoreBusy),
    ],
    ids=lambda e: type(e).__name__,
)
async def test_a_server_that_is_too_busy_is_not_asked_again_and_the_caller_is_told_when_to_be_back(
    error: Exception, told: type[StoreUnavailable]
) -> None:
    server = Refusing(error)
    database = Database(server, server)  # type: ignore[arg-type]
    with pytest.raises(StoreUnavailable) as raised:
        await database.fetch("SELECT 1")
    assert type(raised.value) is told
    assert (raised.value.status, raised.value.headers()) == (503, {"Retry-After": "1"})
    assert server.asked == 1


async def test_what_is_old_is_removed_some_at_a_time_until_none_is_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    removed = iter(["DELETE 5000", "DELETE 5000", "DELETE 7"])
    asked: list[tuple[str, tuple[Any, ...]]] = []

    async def execute(_: Database, query: str, *args: Any) -> str:
        asked.append((query, args))
        return next(removed)

    monkeypatch.setattr(Database, "execute", execute)
    server = Refusing(OSError())
    database = Database(server, server)  # type: ignore[arg-type]
    await database.remove("marks", "age > $1", 30)
    assert [args for _, args in asked] == [(30,)] * 3
    assert all("age > $1 LIMIT 5000 FOR UPDATE SKIP LOCKED" in query for query, _ in asked)


class Server:
    """As a connection sees it: how long it is the primary for certain, and if that is confirmed."""

    _primary_until = 0.0

    def __init__(self, seconds: float, *, confirms: bool = True) -> None:
        self.seconds, self._confirms = seconds, confirms
        self.asked: list[str] = []

    async def fetchval(self, query: str) -> float:
        self.asked.append("how long")
        return self.seconds

    async def execute(self, query: str, timeout: float) -> None:  # noqa: ASYNC109 - asyncpg's
        self.asked.append("the standby")
        if not self._confirms:
            raise TimeoutError

    async def certain(self, now: float, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        """What was asked to be certain at `now`."""
        self.asked.clear()
        monkeypatch.setattr("chassis.store.postgres.time.monotonic", lambda: now)
        await postgres._Connection.certain(self)  # type: ignore[arg-type]
        return self.asked


async def test_a_primary_is_asked_whether_it_is_one_when_its_word_is_old(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = Server(seconds=2.5)
    assert await server.certain(100.0, monkeypatch) == ["how long"]
    assert await server.certain(102.4, monkeypatch) == []
    assert await server.certain(102.5, monkeypatch) == ["how long"]


async def test_a_primary_that_does_not_know_has_its_standby_confirm_it_each_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = Server(seconds=-0.1)
    assert await server.certain(100.0, monkeypatch) == ["how long", "the standby"]
    assert await server.certain(100.1, monkeypatch) == ["how long", "the standby"]


async def test_what_nobody_confirms_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(TimeoutError):
        await Server(seconds=0.0, confirms=False).certain(100.0, monkeypatch)
