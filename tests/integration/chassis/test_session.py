"""Session state in a real Redis."""

import asyncio
import socket
import uuid
from collections.abc import AsyncIterator

import pytest
from pydantic import SecretStr

from chassis.session import Sessions, SessionSettings, Token
from chassis.store.errors import StoreUnavailable
from chassis.store.redis import Redis


@pytest.fixture
async def store(redis: tuple[str, str]) -> AsyncIterator[Redis]:
    async with Redis.open(redis[0], SecretStr(redis[1])) as store:
        yield store


@pytest.fixture
def account() -> str:
    return str(uuid.uuid4())


async def seconds_left(store: Redis, key: str) -> int:
    left: int = await store.run("ttl", key, lambda r: r.ttl(key))
    return left


def parse(token: str) -> Token:
    parsed = Token.parse(token)
    assert parsed is not None
    return parsed


async def test_a_session_is_of_its_account(store: Redis, account: str) -> None:
    sessions = Sessions(store, SessionSettings())
    token, _ = await sessions.open(account)
    assert await sessions.check(token) == account
    assert await sessions.check(token[:-1] + ("A" if token[-1] != "A" else "B")) is None


async def test_a_use_lengthens_it(store: Redis, account: str) -> None:
    token, _ = await Sessions(store, SessionSettings(session_idle_seconds=100)).open(account)
    key = parse(token).key
    assert await seconds_left(store, key) <= 100
    await Sessions(store, SessionSettings(session_idle_seconds=500)).check(token)
    assert await seconds_left(store, key) > 400


async def test_unused_it_lapses(store: Redis, account: str) -> None:
    sessions = Sessions(store, SessionSettings(session_idle_seconds=1))
    token, _ = await sessions.open(account)
    async with asyncio.timeout(10):
        while await seconds_left(store, parse(token).key) > -2:  # not a use, unlike a check
            await asyncio.sleep(0.05)
    assert await sessions.check(token) is None


async def test_one_too_many_signs_the_oldest_out(store: Redis, account: str) -> None:
    now = iter(range(1000, 2000))
    settings = SessionSettings(sessions_per_account=3, session_longest_seconds=10_000)
    sessions = Sessions(store, settings, clock=lambda: next(now))
    tokens = [(await sessions.open(account))[0] for _ in range(5)]
    checked = [await sessions.check(token) for token in tokens]
    assert checked == [None, None, account, account, account]


async def test_a_lapsed_one_makes_room(store: Redis, account: str) -> None:
    sessions = Sessions(store, SessionSettings(sessions_per_account=2))
    first, second = [(await sessions.open(account))[0] for _ in range(2)]
    await store.run("lapse", parse(second).key, lambda r: r.delete(parse(second).key))
    third, _ = await sessions.open(account)
    assert [await sessions.check(t) for t in (first, third)] == [account, account]


async def test_closing_all_leaves_nothing_behind(store: Redis, account: str) -> None:
    sessions = Sessions(store, SessionSettings())
    tokens = [(await sessions.open(account))[0] for _ in range(3)]
    await sessions.close_all(account)
    assert [await sessions.check(t) for t in tokens] == [None] * 3
    assert await seconds_left(store, parse(tokens[0]).index) == -2
    await sessions.close_all(account)


async def test_what_the_index_does_not_name_opens_nothing(store: Redis, account: str) -> None:
    sessions = Sessions(store, SessionSettings())
    token, _ = await sessions.open(account)
    index = parse(token).index
    await store.run("evict", index, lambda r: r.delete(index))  # as Redis does when it is full
    await sessions.close_all(account)
    assert await sessions.check(token) is None
    another, _ = await sessions.open(account)
    assert [await sessions.check(t) for t in (token, another)] == [None, account]


async def test_a_use_of_a_session_is_one_of_its_index(store: Redis, account: str) -> None:
    async def idle() -> int:
        seconds: int = await store.run("idle", index, lambda r: r.object("IDLETIME", index))
        return seconds

    sessions = Sessions(store, SessionSettings())
    token, _ = await sessions.open(account)
    index = parse(token).index
    async with asyncio.timeout(10):
        while await idle() < 2:
            await asyncio.sleep(0.1)
    await sessions.check(token)
    assert await idle() < 2


async def test_the_index_outlives_every_session_in_it(store: Redis, account: str) -> None:
    settings = SessionSettings()
    token, _ = await Sessions(store, settings).open(account)
    assert await seconds_left(store, parse(token).index) > settings.session_longest_seconds - 60


@pytest.mark.parametrize("answers", [False, True], ids=["refuses", "hangs"])
async def test_without_redis_it_says_so_within_a_second(account: str, answers: bool) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        if answers:
            listener.listen()  # the kernel accepts, and nobody ever answers
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        async with Redis.open(address, SecretStr("secret")) as store:
            sessions = Sessions(store, SessionSettings())
            with pytest.raises(StoreUnavailable):
                async with asyncio.timeout(1.5):  # its own limits come to 0.9
                    await sessions.check(f"{account}.{'x' * 43}")
