"""Where a call goes, and what happens when a node is silent; the nodes are made up."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from redis.exceptions import MaxConnectionsError, MovedError, ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

from chassis.lifecycle import background
from chassis.store.errors import StoreUnavailable
from chassis.store.redis import Redis

LOW, HIGH = "{b}", "{a}"  # slots 3300 and 15495


class Cluster:
    """Two shards; the second has a replica."""

    def __init__(self) -> None:
        self.silent: set[str] = set()
        self.asked: list[str] = []
        self.primary_of_high = "two:1"

    def view(self) -> bytes:
        high = self.primary_of_high
        epoch = {"two:1": 2, "three:1": 3}[high]
        low_line = "id-one one:1@1 master - 0 0 1 connected 0-8191"
        primary = f"id-{high} {high}@1 master - 0 0 {epoch} connected 8192-16383"
        other = {"two:1": "three:1", "three:1": "two:1"}[high]
        replica = f"id-{other} {other}@1 slave id-{high} 0 0 {epoch} connected"
        return f"{low_line}\n{primary}\n{replica}\n".encode()


class Node:
    """A node's client, as far as it is used."""

    def __init__(self, cluster: Cluster, address: str) -> None:
        self.of, self.address = cluster, address

    async def answer(self) -> str:
        await asyncio.sleep(0)
        if self.address in self.of.silent:
            raise RedisTimeoutError
        return self.address

    async def cluster(self, what: str) -> bytes:
        assert what == "NODES"
        await self.answer()
        return self.of.view()

    async def who(self) -> str:
        self.of.asked.append(self.address)
        return await self.answer()


async def who(node: Any) -> str:
    answer: str = await node.who()
    return answer


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


@pytest.fixture
async def redis(cluster: Cluster) -> AsyncIterator[Redis]:
    redis = Redis(["one:1", "gone:1"], lambda a: Node(cluster, a))  # type: ignore[arg-type,return-value]
    async with background("redis-look", redis.keep_looking):
        yield redis


async def test_a_call_goes_to_the_primary_of_its_key(redis: Redis) -> None:
    assert await redis.run("who", LOW, who) == "one:1"
    assert await redis.run("who", HIGH, who) == "two:1"


async def test_a_silent_node_concerns_its_own_keys_only(redis: Redis, cluster: Cluster) -> None:
    await redis.run("who", LOW, who)
    cluster.silent.add("two:1")
    with pytest.raises(StoreUnavailable):
        await redis.run("who", HIGH, who)
    assert await redis.run("who", LOW, who) == "one:1"


async def test_who_is_known_to_be_silent_is_not_waited_for(redis: Redis, cluster: Cluster) -> None:
    await redis.run("who", LOW, who)
    cluster.silent.add("two:1")
    for _ in range(5):
        with pytest.raises(StoreUnavailable):
            await redis.run("who", HIGH, who)
    assert cluster.asked.count("two:1") == 1


async def test_finds_the_next_primary(redis: Redis, cluster: Cluster) -> None:
    await redis.run("who", LOW, who)
    cluster.silent.add("two:1")
    with pytest.raises(StoreUnavailable):
        await redis.run("who", HIGH, who)
    cluster.primary_of_high = "three:1"
    assert await _once_it_answers(redis, HIGH) == "three:1"


async def test_follows_a_key_that_has_moved(redis: Redis, cluster: Cluster) -> None:
    async def moved(node: Any) -> str:
        if node.address == "two:1":
            raise MovedError("15495 three:1")
        return await who(node)

    assert await redis.run("who", HIGH, moved) == "three:1"
    assert cluster.asked == ["three:1"]


async def test_an_error_of_the_command_is_unavailable_and_the_node_is_well(
    redis: Redis, cluster: Cluster
) -> None:
    async def wrong(_: Any) -> str:
        raise ResponseError("CLUSTERDOWN The cluster is down")

    with pytest.raises(StoreUnavailable):
        await redis.run("who", HIGH, wrong)
    assert await redis.run("who", HIGH, who) == "two:1"
    assert cluster.asked == ["two:1"]


class Narrow(Node):
    """A node's client with 68 connections, as redis-py has it: the next call is refused at once."""

    def __init__(self, cluster: Cluster, address: str, seconds: float) -> None:
        super().__init__(cluster, address)
        self.seconds, self.under_way = seconds, 0

    async def answer(self) -> str:
        if self.under_way == 68:
            raise MaxConnectionsError("Too many connections")
        self.under_way += 1
        try:
            await asyncio.sleep(self.seconds)
            return await super().answer()
        finally:
            self.under_way -= 1


async def test_many_calls_at_once_wait_for_a_connection(cluster: Cluster) -> None:
    redis = Redis(["one:1"], lambda a: Narrow(cluster, a, 0.001))  # type: ignore[arg-type,return-value]
    async with background("redis-look", redis.keep_looking):
        answers = await asyncio.gather(*(redis.run("who", LOW, who) for _ in range(400)))
    assert answers == ["one:1"] * 400


async def test_a_full_pool_is_not_a_silent_node(cluster: Cluster) -> None:
    done, all_begun, begun = asyncio.Event(), asyncio.Event(), 0

    async def waits(_: Any) -> str:
        nonlocal begun
        begun += 1
        if begun == 64:
            all_begun.set()
        await done.wait()
        return "done"

    redis = Redis(["one:1"], lambda a: Node(cluster, a))  # type: ignore[arg-type,return-value]
    async with background("redis-look", redis.keep_looking):
        calls = [asyncio.create_task(redis.run("wait", LOW, waits)) for _ in range(64)]
        await all_begun.wait()
        with pytest.raises(StoreUnavailable, match="too many calls"):
            await redis.run("who", LOW, who)
        done.set()
        assert await asyncio.gather(*calls) == ["done"] * 64
        assert await redis.run("who", LOW, who) == "one:1"


async def test_nobody_answers(cluster: Cluster) -> None:
    cluster.silent |= {"one:1"}
    redis = Redis(["one:1"], lambda a: Node(cluster, a))  # type: ignore[arg-type,return-value]
    async with background("redis-look", redis.keep_looking):
        with pytest.raises(StoreUnavailable):
            await redis.run("who", LOW, who)
        cluster.silent.clear()
        assert await _once_it_answers(redis, LOW) == "one:1"


async def test_a_limit_is_kept_to(redis: Redis) -> None:
    async def never(_: Any) -> None:
        await asyncio.Event().wait()

    with pytest.raises(StoreUnavailable):
        await redis.run("never", LOW, never, seconds=0.01)


async def _once_it_answers(redis: Redis, key: str) -> str:
    async with asyncio.timeout(10):
        while True:
            try:
                return await redis.run("who", key, who)
            except StoreUnavailable:
                await asyncio.sleep(0.01)
