"""How long a call waits for a server, and what its caller is told; the server is made up."""

from typing import Any

import asyncpg
import pytest

from chassis.store.errors import StoreBusy, StoreLocked, StoreUnavailable
from chassis.store.postgres import Database, patience


@pytest.mark.parametrize(
    ("waited", "left", "farewell", "expected"),
    [
        (0.0, 5.0, False, 0.8),  # a server that died: its successor takes longer than anybody waits
        (0.5, 4.5, False, 0.3),
        (0.0, 5.0, True, 4.5),  # one that said goodbye has a successor already
        (1.0, 4.0, True, 3.5),
        (0.0, 3.9, True, 3.4),  # the word that it did not go comes before the deadline
        (0.0, 0.7, False, 0.2),
        (0.0, 0.3, False, -0.2),
    ],
)
def test_patience_ends_in_time_to_say_so(
    waited: float, left: float, farewell: bool, expected: float
) -> None:
    assert patience(waited, left, farewell=farewell) == pytest.approx(expected)


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
