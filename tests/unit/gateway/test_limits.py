"""The limiter, with a Redis that is a dictionary, or away."""

import asyncio
from typing import Any

import pytest

from chassis.problems import TooMany
from chassis.store.errors import StoreUnavailable
from gateway.decisions import Bucket, Limit
from gateway.limits import Limiter

LIMIT = Limit(rate=10, burst=100)  # a share is 5


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class FakeRedis:
    """One bucket for each name, as the script keeps it."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.buckets: dict[str, Bucket] = {}
        self.asked = 0
        self.away = False

    async def run(self, _operation: str, _key: str, command: Any, *, seconds: float) -> Any:
        assert seconds < 1
        self.asked += 1
        await asyncio.sleep(0)
        if self.away:
            raise StoreUnavailable("away")
        return await command(self)

    async def eval(
        self, _script: str, _keys: int, key: str, rate: float, burst: int, wanted: int, _: int
    ) -> list[int]:
        bucket = self.buckets.setdefault(key, Bucket(Limit(rate, burst), self.clock()))
        grant = bucket.take(wanted, self.clock())
        return [grant.tokens, round(grant.wait * 1000)]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def redis(clock: Clock) -> FakeRedis:
    return FakeRedis(clock)


@pytest.fixture
def limiter(redis: FakeRedis, clock: Clock) -> Limiter:
    return Limiter(redis, most=3, clock=clock)  # type: ignore[arg-type]


async def admitted(limiter: Limiter, name: str, requests: int) -> int:
    count = 0
    for _ in range(requests):
        try:
            await limiter.admit(name, LIMIT)
        except TooMany:
            continue
        count += 1
    return count


async def test_a_burst_passes_and_then_no_more(limiter: Limiter) -> None:
    assert await admitted(limiter, "a", 300) == LIMIT.burst
    with pytest.raises(TooMany) as caught:
        await limiter.admit("a", LIMIT)
    assert caught.value.headers()["Retry-After"] == "1"


async def test_the_rate_comes_back(limiter: Limiter, clock: Clock) -> None:
    await admitted(limiter, "a", 300)
    clock.now += 2
    assert await admitted(limiter, "a", 300) == 20


async def test_two_instances_share_a_bucket(redis: FakeRedis, clock: Clock) -> None:
    one, other = (Limiter(redis, most=3, clock=clock) for _ in range(2))  # type: ignore[arg-type]
    both = await admitted(one, "a", 300) + await admitted(other, "a", 300)
    assert LIMIT.burst <= both <= LIMIT.burst + LIMIT.share


async def test_redis_is_asked_once_a_share(limiter: Limiter, redis: FakeRedis) -> None:
    await admitted(limiter, "a", 50)
    assert redis.asked <= 50 / LIMIT.share


async def test_one_asks_for_all_who_come_at_once(limiter: Limiter, redis: FakeRedis) -> None:
    await admitted(limiter, "a", LIMIT.share)
    await asyncio.gather(*(limiter.admit("a", LIMIT) for _ in range(LIMIT.share)))
    assert redis.asked == 1


async def test_a_caller_who_leaves_does_not_stop_the_asking_for_others(limiter: Limiter) -> None:
    await admitted(limiter, "a", LIMIT.share)
    first, second = (asyncio.ensure_future(limiter.admit("a", LIMIT)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    await second
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_callers_do_not_pay_for_each_other(limiter: Limiter) -> None:
    await admitted(limiter, "a", 300)
    assert await admitted(limiter, "b", 50) == 50


async def test_without_redis_each_instance_limits_by_itself(
    limiter: Limiter, redis: FakeRedis
) -> None:
    redis.away = True
    assert await admitted(limiter, "a", 300) == LIMIT.burst


async def test_redis_is_not_asked_again_at_once_after_it_was_away(
    limiter: Limiter, redis: FakeRedis, clock: Clock
) -> None:
    redis.away = True
    await admitted(limiter, "a", 50)
    await admitted(limiter, "b", 50)
    assert redis.asked == 1
    redis.away = False
    clock.now += 1.1
    await admitted(limiter, "a", 50)
    assert redis.asked > 1
    assert redis.buckets


async def test_the_longest_unseen_is_forgotten(limiter: Limiter) -> None:
    for name in "abcad":  # b has been unseen for longest
        await limiter.admit(name, LIMIT)
    assert list(limiter._callers) == ["c", "a", "d"]
