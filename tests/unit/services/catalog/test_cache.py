"""The cache as a script: a clock, a Redis and a source that do as they are told."""

import asyncio

import pytest

from chassis.resilience import BreakerOpen
from chassis.store.errors import StoreUnavailable
from services.catalog.cache import Cache, SharedCopies
from services.catalog.copies import Copy

FRESH, GRACE = 2.0, 2.0


class Shared(SharedCopies):
    """A Redis in memory, which can be away."""

    def __init__(self) -> None:
        self.copies: dict[str, Copy] = {}
        self.away = False

    async def get(self, key: str) -> Copy | None:
        return None if self.away else self.copies.get(key)

    async def put(self, key: str, copy: Copy) -> None:
        if not self.away:
            self.copies[key] = copy


class World:
    """A cache with everything around it."""

    def __init__(self, shared: Shared | None = None) -> None:
        self.now = 1000.0
        self.shared = shared or Shared()
        self.source_away = False
        self.loads = 0
        self.source_hangs = False
        self.source_seconds = 0.0
        self.cache = Cache(
            self.shared,
            seconds=FRESH,
            grace=GRACE,
            patience=0.01,
            now=lambda: self.now,
            chance=lambda: 0.5,
        )

    async def load(self) -> bytes:
        await asyncio.sleep(0)
        if self.source_hangs:
            await asyncio.Event().wait()
        if self.source_away:
            raise StoreUnavailable("Postgres: away")
        self.now += self.source_seconds
        self.loads += 1
        return b"load %d" % self.loads

    async def get(self) -> bytes:
        return (await self.cache.get("key", self.load)).body

    async def settle(self) -> None:
        """Lets what goes on in the background come to its end."""
        for _ in range(10):
            await asyncio.sleep(0)


async def test_a_fresh_copy_is_given_out_without_asking_anybody() -> None:
    world = World()

    assert await world.get() == b"load 1"
    world.now += FRESH - 0.1
    world.shared.away = True
    assert await world.get() == b"load 1"


async def test_many_at_once_load_once() -> None:
    world = World()

    assert await asyncio.gather(*[world.get() for _ in range(100)]) == [b"load 1"] * 100
    assert world.loads == 1


async def test_after_its_time_a_copy_is_given_out_once_more_and_renewed_meanwhile() -> None:
    world = World()
    await world.get()
    world.now += FRESH + 0.1

    assert await world.get() == b"load 1"
    await world.settle()
    assert await world.get() == b"load 2"


async def test_after_the_grace_the_caller_waits_for_a_new_one() -> None:
    world = World()
    await world.get()
    world.now += FRESH + GRACE + 0.1

    assert await world.get() == b"load 2"


async def test_what_another_instance_has_read_is_taken_from_redis() -> None:
    one = World()
    other = World(one.shared)
    await one.get()

    assert await other.get() == b"load 1"
    assert other.loads == 0


async def test_a_copy_taken_from_redis_is_not_fresh_for_longer_than_it_says() -> None:
    one = World()
    other = World(one.shared)
    await one.get()
    other.now += FRESH - 0.1
    await other.get()
    other.now += 0.2 + GRACE

    assert await other.get() == b"load 1"  # its own first
    assert other.loads == 1


async def test_without_redis_the_source_is_read() -> None:
    world = World()
    world.shared.away = True

    assert await world.get() == b"load 1"


async def test_without_the_source_an_old_copy_is_given_out_and_says_so() -> None:
    world = World()
    fresh = await world.cache.get("key", world.load)
    assert not world.cache.stale(fresh)
    world.source_away = True
    world.now += 600

    old = await world.cache.get("key", world.load)

    assert old.body == b"load 1"
    assert world.cache.stale(old)
    assert world.cache.age(old) == 600


async def test_a_copy_is_as_old_as_the_question_and_fresh_from_the_answer_on() -> None:
    world = World()
    world.source_seconds = 1.5
    copy = await world.cache.get("key", world.load)

    assert world.cache.staleness(copy) == 1.5
    world.now += FRESH - 0.1
    assert await world.get() == b"load 1"
    assert world.loads == 1


async def test_a_source_that_hangs_is_given_up_for_an_old_copy() -> None:
    world = World()
    await world.get()
    world.source_hangs = True
    world.now += 600

    assert await world.get() == b"load 1"


async def test_an_instance_that_just_started_has_old_copies_from_redis() -> None:
    one = World()
    await one.get()
    other = World(one.shared)
    other.source_away = True
    other.now += 600

    assert await other.get() == b"load 1"


async def test_without_both_the_own_memory_still_has_it() -> None:
    world = World()
    await world.get()
    world.source_away = world.shared.away = True
    world.now += 600

    assert await world.get() == b"load 1"


async def test_without_both_and_without_a_copy_it_is_an_error() -> None:
    world = World()
    world.source_away = world.shared.away = True

    with pytest.raises(StoreUnavailable):
        await world.get()


async def test_the_source_is_asked_again_soon_and_its_answer_ends_the_old_copy() -> None:
    world = World()
    await world.get()
    world.source_away = True
    world.now += 600
    await world.get()
    world.source_away = False
    world.now += 1.1

    await world.get()
    await world.settle()

    assert await world.get() == b"load 2"


async def test_a_source_that_keeps_failing_is_left_alone() -> None:
    world = World()
    world.source_away = world.shared.away = True
    for _ in range(5):
        with pytest.raises(StoreUnavailable):
            await world.get()

    with pytest.raises(BreakerOpen):
        await world.get()


async def test_memory_is_bounded() -> None:
    world = World()

    for number in range(120):
        await world.cache.get(f"key {number}", world.load)

    assert len(world.cache._near) == 100
