"""The Redis client against a primary and its replica: one hangs, the other takes over."""

import asyncio
import secrets
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass

import pytest
from prometheus_client import REGISTRY
from pydantic import SecretStr
from redis.asyncio import Redis as Node

from chassis.store.errors import StoreUnavailable
from chassis.store.redis import Redis
from tests.integration.conftest import docker, wait_until
from tests.ports import free_port

_PASSWORD = secrets.token_hex(8)
_SERVERS = """
bus=16000
for port in $PORTS; do
  mkdir /data/$port && ((++bus))
  redis-server --port $port --dir /data/$port --requirepass $PASSWORD --masterauth $PASSWORD \\
    --save "" --cluster-enabled yes --cluster-announce-ip 127.0.0.1 --cluster-node-timeout 60000 \\
    --cluster-port $bus --repl-diskless-sync-delay 0 --pidfile /data/$port/pid &
done
wait
"""


@dataclass
class Pair:
    """Two servers in one container: a primary of all slots, and its replica."""

    container: str
    primary: int
    replica: int

    def ask(self, port: int, *command: str) -> str:
        client = ["exec", "-e", f"REDISCLI_AUTH={_PASSWORD}", self.container, "redis-cli"]
        return docker(*client, "-p", str(port), *command)

    def is_well(self, port: int) -> bool:
        return "cluster_state:ok" in self.ask(port, "CLUSTER", "INFO")

    def signal(self, name: str, port: int) -> None:
        kill = f"kill -{name} $(</data/{port}/pid)"
        docker("exec", self.container, "bash", "-c", kill)


@pytest.fixture
def pair() -> Iterator[Pair]:
    name = f"holdfast-test-redis-{uuid.uuid4().hex[:8]}"
    primary, replica = free_port(), free_port()
    pair = Pair(name, primary, replica)
    docker(
        "run", "--detach", "--rm", "--init", "--name", name, "--memory", "96m",
        *[f"--publish=127.0.0.1:{port}:{port}" for port in (primary, replica)],
        "--tmpfs", "/data:size=64m,uid=10001,gid=10001",
        "--env", f"PASSWORD={_PASSWORD}", "--env", f"PORTS={primary} {replica}",
        "--entrypoint", "bash", "holdfast/redis", "-c", _SERVERS,
    )  # fmt: skip
    try:
        for port in (primary, replica):
            wait_until(lambda port=port: pair.ask(port, "PING") == "PONG", "Redis")  # type: ignore[misc]
        pair.ask(primary, "CLUSTER", "ADDSLOTSRANGE", "0", "16383")
        pair.ask(replica, "CLUSTER", "MEET", "127.0.0.1", str(primary), "16001")
        its_id = pair.ask(primary, "CLUSTER", "MYID")
        wait_until(lambda: pair.ask(replica, "CLUSTER", "REPLICATE", its_id) == "OK", "a replica")
        in_sync = "master_link_status:up"
        wait_until(lambda: in_sync in pair.ask(replica, "INFO", "replication"), "a replica in sync")
        wait_until(lambda: pair.is_well(primary) and pair.is_well(replica), "a cluster")
        yield pair
    finally:
        docker("rm", "--force", name)


@pytest.fixture
async def store(pair: Pair) -> AsyncIterator[Redis]:
    async with Redis.open(f"127.0.0.1:{pair.primary}", SecretStr(_PASSWORD)) as store:
        yield store


async def get(store: Redis, key: str) -> object:
    return await store.run("get", key, lambda node: node.get(key))


async def eventually(what: str, check: Callable[[], Awaitable[object]]) -> None:
    """Waits until the answer is yes; not being answered is a no."""
    async with asyncio.timeout(20):
        while True:
            with suppress(StoreUnavailable):
                if await check():
                    return
            await asyncio.sleep(0.05)
    raise TimeoutError(what)


async def test_a_primary_hangs_and_its_replica_takes_over(store: Redis, pair: Pair) -> None:
    async def set_and_copied(node: Node) -> object:
        await node.set("name", "ada")
        return await node.wait(1, 300)

    async def is_copied() -> bool:
        return await store.read_stale("name", lambda p: p.get("name")) == [b"ada"]

    await eventually("a copy", lambda: store.run("set", "name", set_and_copied))
    await eventually("the replica", is_copied)

    pair.signal("STOP", pair.primary)
    with pytest.raises(StoreUnavailable):
        await get(store, "name")
    assert await is_copied()

    pair.ask(pair.replica, "CLUSTER", "FAILOVER", "TAKEOVER")
    await eventually("the new primary", lambda: get(store, "name"))
    pair.signal("CONT", pair.primary)
    await eventually("the old one as a replica", is_copied)


async def test_a_cancelled_call_leaves_nobody_its_reply(store: Redis) -> None:
    """redis-py once handed a reply that nobody had waited for to the next caller."""
    for n in range(20):
        await store.run("set", f"key-{n}", lambda node, n=n: node.set(f"key-{n}", f"value-{n}"))  # type: ignore[misc]

    answered = 0

    async def impatient(n: int) -> None:
        nonlocal answered
        call = asyncio.ensure_future(get(store, f"key-{n % 20}"))
        await asyncio.sleep(0)  # begun, perhaps sent
        if n % 3 == 0:
            call.cancel()
            with suppress(asyncio.CancelledError):  # Python 3.11 may still give the value
                await call
        else:
            with suppress(StoreUnavailable):  # late, on a busy machine: nobody's reply is no harm
                assert await call == b"value-%d" % (n % 20)
                answered += 1

    for _ in range(20):
        await asyncio.gather(*(impatient(n) for n in range(30)))
    assert answered > 200  # of 400


def _unreplicated() -> float:
    value = REGISTRY.get_sample_value(
        "store_unreplicated_total", {"store": "redis", "operation": "test"}
    )
    return value or 0.0


async def test_a_write_is_at_a_replica_when_it_is_answered(pair: Pair, store: Redis) -> None:
    before = _unreplicated()
    assert await store.write("test", "key", lambda p: p.set("key", "here")) is True
    assert _unreplicated() == before
    assert pair.ask(pair.replica, "-c", "GET", "key") == "here"


async def test_without_a_replica_a_write_is_answered_and_counted(pair: Pair, store: Redis) -> None:
    pair.signal("STOP", pair.replica)
    before = _unreplicated()
    assert await store.write("test", "key", lambda p: p.set("key", "here")) is True
    assert _unreplicated() == before + 1
