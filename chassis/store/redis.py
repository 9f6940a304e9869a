"""Redis Cluster: short waits, a decided error, and a replica's word while a primary is replaced."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, TypeVar

from redis.asyncio.cluster import ClusterNode, RedisCluster
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.cluster import LoadBalancingStrategy
from redis.exceptions import RedisClusterException, RedisError

from chassis.metrics import STORE_ERRORS, STORE_SECONDS
from chassis.store.errors import StoreUnavailable

if TYPE_CHECKING:
    from pydantic import SecretStr

T = TypeVar("T")

_SOCKET_SECONDS = 0.4  # a primary that is gone costs its callers this much, until it is replaced
_CALL_SECONDS = 1.0

# The library has two roots of errors; no node reachable at all is of the second kind.
_AWAY = (RedisError, RedisClusterException, OSError, TimeoutError)


class Redis:
    """A client that tries once and says clearly when Redis did not answer.

    The library's own retries are off: ten of them, one inside the other, turn a dead node into
    seconds of waiting, and one lost reply would make INCR run twice.
    """

    def __init__(self, cluster: RedisCluster, replicas: RedisCluster) -> None:
        self._cluster = cluster
        self._replicas = replicas

    @classmethod
    @asynccontextmanager
    async def open(cls, nodes: str, password: SecretStr) -> AsyncIterator[Redis]:
        """`nodes` is host:port, comma separated. Connects when first used."""
        cluster = _client(nodes, password)
        replicas = _client(
            nodes, password, load_balancing_strategy=LoadBalancingStrategy.RANDOM_REPLICA
        )
        try:
            yield cls(cluster, replicas)
        finally:
            with suppress(*_AWAY):
                async with asyncio.timeout(1):
                    await asyncio.gather(cluster.aclose(), replicas.aclose())

    async def run(
        self,
        operation: str,
        command: Callable[[RedisCluster], Awaitable[T]],
        *,
        seconds: float = _CALL_SECONDS,
    ) -> T:
        """Runs one command, or a few; `operation` names it in the metrics.

        Raises:
            StoreUnavailable: no answer within `seconds`, or the node or the cluster is down.
        """
        return await self._run(operation, self._cluster, command, seconds)

    async def _run(
        self,
        operation: str,
        client: RedisCluster,
        command: Callable[[RedisCluster], Awaitable[T]],
        seconds: float,
    ) -> T:
        began = time.perf_counter()
        try:
            async with asyncio.timeout(seconds):
                return await command(client)
        except _AWAY as error:
            STORE_ERRORS.labels("redis", type(error).__name__).inc()
            raise StoreUnavailable(f"Redis: {type(error).__name__}") from error
        finally:
            STORE_SECONDS.labels("redis", operation).observe(time.perf_counter() - began)

    async def get_stale(self, key: str, *, seconds: float = _CALL_SECONDS) -> bytes | None:
        """Reads from a replica: right up to the replication lag, also while the primary is gone.

        Raises:
            StoreUnavailable: no replica answered within `seconds` either.
        """
        value = await self._run("get_stale", self._replicas, lambda r: r.get(key), seconds)
        return value.encode() if isinstance(value, str) else value


def _client(nodes: str, password: SecretStr, **options: Any) -> RedisCluster:
    return RedisCluster(
        startup_nodes=[_node(n) for n in nodes.split(",")],
        password=password.get_secret_value(),
        require_full_coverage=False,
        socket_timeout=_SOCKET_SECONDS,
        socket_connect_timeout=_SOCKET_SECONDS,
        retry=Retry(NoBackoff(), 1),  # one more: the first may only have found a slot moved
        max_connections=64,
        **options,
    )


def _node(address: str) -> ClusterNode:
    host, _, port = address.strip().partition(":")
    return ClusterNode(host, int(port or 6379))
