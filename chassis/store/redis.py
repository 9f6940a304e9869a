"""Redis Cluster: short waits, a decided error, and a replica's word while a primary is replaced.

A small cluster client of our own over redis-py's plain one. redis-py's cluster client, shared by
many tasks, closes connections under each other's hands when a node is gone, and makes all callers
wait while it looks around: one paused primary of three failed calls to the other two as well.
Here a node that does not answer concerns its own slots only.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, TypeVar

from redis.asyncio import Redis as Node
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import MovedError, RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from chassis.lifecycle import background
from chassis.metrics import STORE_ERRORS, STORE_SECONDS, STORE_UNREPLICATED
from chassis.store.errors import StoreUnavailable
from chassis.store.slots import Shard, SlotMap

if TYPE_CHECKING:
    from pydantic import SecretStr

T = TypeVar("T")

log = logging.getLogger(__name__)

_SOCKET_SECONDS = 0.4  # a primary that hangs costs its callers this much, until it is noticed
_CALL_SECONDS = 1.0
_REPLICA_SECONDS = 0.1  # a replica in another zone confirms within one or two milliseconds
_LOOK_SECONDS = 2.0
_LOOK_CLOSELY_SECONDS = 0.2  # while a primary is silent: the next one is found this late at most
_CONNECTIONS = 64  # to each node, for calls; others wait for one to be done
_LOOKS = 4  # connections beside these, for asking a node how it is while calls have all the others
_PLACE_SECONDS = 0.2  # and this long: a call takes a millisecond

_SILENT = (RedisConnectionError, RedisTimeoutError, OSError, TimeoutError)


class Redis:
    """A client that tries once and says clearly when Redis did not answer.

    The library's own retries are off: ten of them turn a dead node into seconds of waiting, and
    one lost reply would make INCR run twice.
    """

    def __init__(self, seeds: list[str], connect: Callable[[str], Node]) -> None:
        """`connect` makes the client of a node, from its `host:port`."""
        self._seeds = seeds
        self._connect = connect
        self._nodes: dict[str, Node] = {}
        self._places: defaultdict[str, asyncio.Semaphore] = defaultdict(
            lambda: asyncio.Semaphore(_CONNECTIONS)
        )
        self._map = SlotMap({})
        self._silent: set[str] = set()
        self._looked = asyncio.Event()
        self._look_now = asyncio.Event()

    @classmethod
    @asynccontextmanager
    async def open(cls, nodes: str, password: SecretStr) -> AsyncIterator[Redis]:
        """`nodes` is host:port of some members, comma separated; the others are found by them."""
        redis = cls([n.strip() for n in nodes.split(",")], lambda a: _node(a, password))
        try:
            async with background("redis-look", redis.keep_looking):
                yield redis
        finally:
            with suppress(RedisError, OSError, TimeoutError):
                async with asyncio.timeout(1):
                    await asyncio.gather(*(node.aclose() for node in redis._nodes.values()))

    async def run(
        self,
        operation: str,
        key: str,
        command: Callable[[Node], Awaitable[T]],
        *,
        seconds: float = _CALL_SECONDS,
    ) -> T:
        """Runs one command, or a few, at the primary that has `key`; all keys must be in its slot.

        `operation` names it in the metrics.

        Raises:
            StoreUnavailable: no answer within `seconds`, or the node or the cluster is down.
        """

        async def at_primary() -> T:
            return await self._at((await self._shard(key)).primary, command)

        return await self._measured(operation, at_primary, seconds)

    async def write(self, operation: str, key: str, command: Callable[[Any], object]) -> Any:
        """Runs one writing command, and waits a moment until a replica has it; returns its answer.

        `command` puts it into the pipeline that it is given. If no replica confirms in time the
        answer is given all the same, and counted: with a replica lost nobody could sign in
        otherwise, and a session is not worth that. It is no promise either way: who takes the
        primary's place is not always who confirmed.

        Raises:
            StoreUnavailable: as `run`.
        """

        async def and_wait(node: Node) -> Any:
            async with node.pipeline(transaction=False) as pipeline:
                command(pipeline)
                pipeline.wait(1, int(_REPLICA_SECONDS * 1000))
                answer, replicas = await pipeline.execute()
            if replicas < 1:
                STORE_UNREPLICATED.labels("redis", operation).inc()
            return answer

        return await self.run(operation, key, and_wait)

    async def read_stale(
        self, key: str, command: Callable[[Any], object], *, seconds: float = _CALL_SECONDS
    ) -> list[Any]:
        """Reads from a replica: right up to the replication lag, also while the primary is gone.

        `command` puts one reading command, or a few, into the pipeline that it is given; returns
        their answers. All keys must be in the slot of `key`.

        A read does no harm: one that fails is sent again, for as long as there is time.

        Raises:
            StoreUnavailable: no replica answered within `seconds` either.
        """

        async def read(node: Node) -> list[Any]:
            async with node.pipeline(transaction=False) as pipeline:
                pipeline.readonly()
                command(pipeline)
                return (await pipeline.execute())[1:]

        async def at_some_replica() -> list[Any]:
            while True:
                replicas = (await self._shard(key)).replicas
                # The last word there is: better to ask one that was silent than to ask nobody.
                some = [r for r in replicas if r not in self._silent] or list(replicas)
                if some:
                    node = random.choice(some)  # noqa: S311 - no secret
                    try:
                        return await self._in_place(node, read)
                    except (RedisError, RuntimeError, *_SILENT) as error:
                        log.info("redis: a replica failed", extra={"node": node, "why": str(error)})
                # One that is just becoming the primary is neither: the next look will tell.
                self._look_now.set()
                await asyncio.sleep(_LOOK_CLOSELY_SECONDS / 4)

        return await self._measured("read_stale", at_some_replica, seconds)

    async def keep_looking(self) -> None:
        """Keeps the map of the cluster current; until cancelled."""
        while True:
            await self._look()
            closely = not self._map.primaries or self._silent & self._map.primaries
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_CLOSELY_SECONDS if closely else _LOOK_SECONDS):
                    await self._look_now.wait()
            self._look_now.clear()

    async def _look(self) -> None:
        asked = sorted({*self._seeds, *self._map.nodes})
        answers = await asyncio.gather(*(self._ask(address) for address in asked))
        heard = {a: answer for a, answer in zip(asked, answers, strict=True) if answer}
        if heard:
            self._map = SlotMap(heard)
        self._silent = set(asked) - set(heard)
        self._looked.set()

    async def _ask(self, address: str) -> str | None:
        try:
            answer: bytes = await self._node(address).cluster("NODES")
        except (RedisError, RuntimeError, *_SILENT):
            return None
        return answer.decode()

    async def _shard(self, key: str) -> Shard:
        if not self._looked.is_set():
            await self._looked.wait()
        shard = self._map.shard(key)
        if shard is None:
            raise StoreUnavailable("Redis: no node is known to have this key")
        return shard

    async def _at(self, address: str, command: Callable[[Node], Awaitable[T]]) -> T:
        if address in self._silent:  # looked after meanwhile; nobody need wait for it
            raise StoreUnavailable(f"Redis: {address} does not answer")
        try:
            return await self._in_place(address, command)
        except MovedError as moved:
            self._look_now.set()
            return await self._in_place(f"{moved.host}:{moved.port}", command)
        except RuntimeError:  # uvloop's word for a dead pooled connection: nothing was sent
            return await self._in_place(address, command)
        except _SILENT:
            self._silent.add(address)
            self._look_now.set()
            raise

    async def _in_place(self, address: str, command: Callable[[Node], Awaitable[T]]) -> T:
        """Runs a command once there is a connection for it.

        The library would refuse it at once, in the words of a node that is away.

        Raises:
            StoreUnavailable: every connection was busy for the whole wait.
        """
        places = self._places[address]
        try:
            async with asyncio.timeout(_PLACE_SECONDS if places.locked() else None):
                await places.acquire()
        except TimeoutError:
            raise StoreUnavailable(f"Redis: {address} has too many calls under way") from None
        try:
            return await command(self._node(address))
        finally:
            places.release()

    def _node(self, address: str) -> Node:
        node = self._nodes.get(address)
        if node is None:
            node = self._nodes[address] = self._connect(address)
        return node

    async def _measured(self, operation: str, call: Callable[[], Awaitable[T]], limit: float) -> T:
        began = time.perf_counter()
        try:
            async with asyncio.timeout(limit):
                return await call()
        except (RedisError, RuntimeError, *_SILENT) as error:
            STORE_ERRORS.labels("redis", type(error).__name__).inc()
            raise StoreUnavailable(f"Redis: {type(error).__name__}") from error
        finally:
            STORE_SECONDS.labels("redis", operation).observe(time.perf_counter() - began)


def _node(address: str, password: SecretStr) -> Node:
    host, _, port = address.partition(":")
    node = Node(
        host=host,
        port=int(port or 6379),
        password=password.get_secret_value(),
        protocol=2,
        socket_timeout=_SOCKET_SECONDS,
        socket_connect_timeout=_SOCKET_SECONDS,
        retry=Retry(NoBackoff(), 0),
        max_connections=_CONNECTIONS + _LOOKS,
        driver_info=None,
    )
    node.response_callbacks.pop("CLUSTER NODES")  # the map is read from the answer as it is
    return node
