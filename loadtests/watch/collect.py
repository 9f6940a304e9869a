"""Asks everything that there is to see, at once, and waits for nobody longer than a second."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from typing import Any, Self, TypeVar

import aiohttp
import asyncpg
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from loadtests.watch.kafka_thread import KafkaThread
from loadtests.watch.seen import (
    BalancerSeen,
    Gone,
    PostgresSeen,
    RedisSeen,
    Seen,
    read_breakers,
    read_cluster_nodes,
    read_state,
)

TIMEOUT = 0.8
"""Seconds for any answer: a view that is drawn once a second waits for nobody longer."""

# Of a primary the servers that its commits wait for, of a replica nothing.
_WAITS_FOR = "SELECT current_setting('synchronous_standby_names') WHERE NOT pg_is_in_recovery()"
_METRICS_EVERY = 3
"""Looks between two at an instance's metrics: making them costs the instance milliseconds."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where to look. Empty ones are not looked at."""

    admins: tuple[str, ...]
    admin_token: str
    brokers: tuple[str, ...]
    redis: tuple[str, ...]
    redis_password: str
    postgres: str

    @staticmethod
    def from_env(env: Mapping[str, str]) -> Addresses:
        """Reads ADMINS, ADMIN_TOKEN, KAFKA_BROKERS, REDIS_NODES, REDIS_PASSWORD, POSTGRES_DSN."""
        return Addresses(
            admins=_words(env.get("ADMINS", "http://127.0.0.1:9080")),
            admin_token=env.get("ADMIN_TOKEN", ""),
            brokers=_words(env.get("KAFKA_BROKERS", "")),
            redis=_words(env.get("REDIS_NODES", "")),
            redis_password=env.get("REDIS_PASSWORD", ""),
            postgres=env.get("POSTGRES_DSN", ""),
        )


class Collector:
    """Keeps connections open between looks. Use as an asynchronous context manager."""

    def __init__(self, where: Addresses) -> None:
        self._where = where
        self._kafka = KafkaThread(where.brokers)
        self._redis = {node: _redis(node, where.redis_password) for node in where.redis}
        self._postgres: dict[str, asyncpg.Connection] = {}
        self._breakers: dict[str, dict[str, str]] = {}
        self._looks = 0

    async def __aenter__(self) -> Self:
        timeout = aiohttp.ClientTimeout(total=TIMEOUT)
        self._http = aiohttp.ClientSession(timeout=timeout)
        self._kafka.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._kafka.stop()
        await self._http.close()
        for client in self._redis.values():
            await client.aclose()
        for connection in self._postgres.values():
            connection.terminate()

    async def look(self) -> Seen:
        """One look, within about a second."""
        servers = _postgres_servers(self._where.postgres)
        balancers, redis, postgres = await asyncio.gather(
            asyncio.gather(*(_or_gone(self._balancer(url)) for url in self._where.admins)),
            self._redis_cluster(),
            asyncio.gather(*(_or_gone(self._postgres_role(dsn)) for dsn in servers.values())),
        )
        self._looks += 1
        await self._ask_for_breakers([b for b in balancers if isinstance(b, BalancerSeen)])
        return Seen(
            time=time.monotonic(),
            balancers=dict(zip(map(host, self._where.admins), balancers, strict=True)),
            breakers=dict(self._breakers),
            kafka=self._kafka.latest(time.monotonic()),
            brokers=tuple(map(host, self._where.brokers)),
            redis=redis,
            postgres=dict(zip(servers, postgres, strict=True)),
        )

    async def balancer(self, url: str) -> BalancerSeen | Gone:
        """Only what this balancer says."""
        return await _or_gone(self._balancer(url))

    async def _balancer(self, url: str) -> BalancerSeen:
        headers = {"Authorization": f"Bearer {self._where.admin_token}"}
        async with self._http.get(f"{url}/state", headers=headers) as answer:
            answer.raise_for_status()
            return read_state(await answer.json())

    async def _ask_for_breakers(self, balancers: list[BalancerSeen]) -> None:
        """A third of the instances at each look; what is gone has no breakers to show."""
        alive = {
            instance.name: instance.address
            for balancer in balancers
            for pool in balancer.pools
            for instance in pool.instances
            if instance.state not in ("gone", "failing")
        }
        self._breakers = {name: held for name, held in self._breakers.items() if name in alive}
        turn = [
            name for i, name in enumerate(sorted(alive)) if (i + self._looks) % _METRICS_EVERY == 0
        ]
        answers = await asyncio.gather(*(_or_gone(self._metrics(alive[name])) for name in turn))
        for name, answer in zip(turn, answers, strict=True):
            if not isinstance(answer, Gone):
                self._breakers[name] = read_breakers(answer)

    async def _metrics(self, address: str) -> str:
        async with self._http.get(f"http://{address}/metrics") as answer:
            answer.raise_for_status()
            return await answer.text()

    async def _redis_cluster(self) -> RedisSeen | Gone:
        """By the word of the first that is in touch with most; else of any that answers.

        A member that is cut off answers too, and believes that all the others are away.
        """
        asked = [asyncio.ensure_future(_or_gone(_ask_redis(c))) for c in self._redis.values()]
        best: RedisSeen | Gone = Gone("not asked")
        for answer in asyncio.as_completed(asked):
            seen = await answer
            if isinstance(seen, RedisSeen) and seen.state == "ok":
                for other in asked:
                    other.cancel()
                return seen
            if isinstance(best, Gone):
                best = seen
        return best

    async def _postgres_role(self, dsn: str) -> PostgresSeen:
        connection = self._postgres.get(dsn)
        try:
            if connection is None or connection.is_closed():
                connection = await asyncpg.connect(dsn, timeout=TIMEOUT)
                self._postgres[dsn] = connection
            waits_for = await connection.fetchval(_WAITS_FOR, timeout=TIMEOUT)
        except BaseException:
            if connection is not None:
                connection.terminate()
            self._postgres.pop(dsn, None)
            raise
        return PostgresSeen("replica") if waits_for is None else PostgresSeen("primary", waits_for)


async def _or_gone(asking: Awaitable[T]) -> T | Gone:
    try:
        return await asyncio.wait_for(asking, TIMEOUT)
    except TimeoutError:
        return Gone(f"no answer in {TIMEOUT} s")
    except aiohttp.ClientResponseError as error:
        return Gone(f"answers {error.status}")
    except aiohttp.ClientConnectorDNSError:
        return Gone("no such host")
    except (aiohttp.ClientConnectorError, ConnectionError):
        return Gone("refused")
    except (OSError, RedisError, asyncpg.PostgresError, aiohttp.ClientError, KeyError) as error:
        return Gone(type(error).__name__)


async def _ask_redis(redis: Redis) -> RedisSeen:
    client: Any = redis  # commands as words are untyped in the library
    nodes = await client.execute_command("CLUSTER", "NODES", NEVER_DECODE=True)
    info = await client.execute_command("CLUSTER", "INFO", NEVER_DECODE=True)
    state = re.search(r"cluster_state:(\w+)", bytes(info).decode())
    return RedisSeen(state[1] if state else "?", read_cluster_nodes(bytes(nodes).decode()))


def _redis(node: str, password: str) -> Redis:
    host, _, port = node.partition(":")
    return Redis(
        host=host,
        port=int(port or 6379),
        password=password or None,
        socket_timeout=TIMEOUT,
        socket_connect_timeout=TIMEOUT,
        retry=Retry(NoBackoff(), 0),
    )


def _postgres_servers(dsn: str) -> dict[str, str]:
    """A DSN of several servers as one DSN for each, any role welcome."""
    match = re.match(r"(postgresql://[^@]*@)([^/]+)(/[^?]*)", dsn)
    if not match:
        return {}
    return {host.partition(":")[0]: match[1] + host + match[3] for host in match[2].split(",")}


def host(url: str) -> str:
    """`balancer-a` of `http://balancer-a:9080`, `kafka-a` of `kafka-a:9092`."""
    return url.rpartition("//")[2].partition(":")[0]


def _words(text: str) -> tuple[str, ...]:
    return tuple(word for word in text.split(",") if word)
