"""What the cluster knows of itself: looks at it while it is broken, writes down what changes."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import aiohttp
from kafka import KafkaAdminClient
from kafka.errors import KafkaError

from chassis.bus.clients import connect
from gamedays.workloads.brokers import Brokers
from gamedays.workloads.stage import Stage
from loadtests.watch.collect import Addresses, Collector, host
from loadtests.watch.seen import BalancerSeen, Gone, KafkaSeen, PostgresSeen, RedisSeen, Seen

_BALANCERS_EVERY = 0.25
_STORES_EVERY = 1.0
_AWAY, _UP = "away", "up"
_ADMIN_MS = 3_000
_PATRONI_PORT, _PATRONI_SECONDS, _OK = 8008, 2.0, 200
_PARTS = {"primary": "primary", "replica": "standby", "synchronous": "synchronous standby"}

log = logging.getLogger(__name__)


def balancers(looks: Mapping[str, BalancerSeen | Gone]) -> dict[str, str]:
    """Each balancer, and each instance in the eyes of those balancers that answer.

    An instance counts as up while one of them would still send to it: what is measured is when all
    have noticed. Balancers go by the name of their host (`balancer-a`).
    """
    states: dict[str, str] = {}
    for name, look in looks.items():
        states[f"{name}-1"] = _AWAY if isinstance(look, Gone) else _UP
        if isinstance(look, Gone):
            continue
        for pool in look.pools:
            for instance in pool.instances:
                if states.get(instance.name) != _UP:
                    states[instance.name] = instance.state
    return states


def stores(look: Seen) -> dict[str, str]:
    """Each member of Redis and Postgres, by the first word of somebody who answers."""
    states: dict[str, str] = {}
    if isinstance(look.redis, RedisSeen):
        for member in look.redis.members:
            role = "primary" if member.primary else "replica"
            states[member.name] = role if member.well else _AWAY
    for server, seen in look.postgres.items():
        states[f"{server}-1"] = seen.role if isinstance(seen, PostgresSeen) else _AWAY
    return states


def brokers(known: Sequence[str], alive: frozenset[str] | None) -> dict[str, str]:
    """Each Kafka broker, by the cluster's own word."""
    if alive is None:
        return {}
    return {f"{name}-1": _UP if name in alive else _AWAY for name in known}


class Observer:
    """Looks at balancers four times a second and at the stores once; writes what is new."""

    def __init__(self, stage: Stage, where: Addresses) -> None:
        self._stage = stage
        self._where = where
        self._known: dict[str, str] = {}
        self._brokers = Brokers(where.brokers)

    async def run(self) -> None:
        """Until cancelled."""
        # Apart: balancers are looked at more often, and their instances' metrics not at all.
        async with (
            Collector(replace(self._where, brokers=(), redis=())) as balancer_view,
            Collector(replace(self._where, admins=(), brokers=())) as store_view,
            asyncio.TaskGroup() as group,
        ):
            group.create_task(self._brokers.run())
            group.create_task(self._balancers(balancer_view))
            group.create_task(self._stores(store_view))

    async def _balancers(self, collector: Collector) -> None:
        urls = self._where.admins
        while True:
            looks = await asyncio.gather(*(collector.balancer(url) for url in urls))
            self._tell(balancers(dict(zip(map(host, urls), looks, strict=True))))
            await asyncio.sleep(_BALANCERS_EVERY)

    async def _stores(self, collector: Collector) -> None:
        while True:
            self._tell(stores(await collector.look()))
            self._tell(brokers([host(b) for b in self._where.brokers], self._brokers.alive))
            await asyncio.sleep(_STORES_EVERY)

    def _tell(self, states: Mapping[str, str]) -> None:
        for name, state in states.items():
            if self._known.get(name) != state:
                self._known[name] = state
                self._stage.saw(name, state)


async def tried(where: Addresses) -> dict[str, dict[str, int]]:
    """What all balancers together count, once each has told."""
    async with Collector(replace(where, brokers=(), redis=())) as collector:
        return counted(await asyncio.gather(*(collector.balancer(url) for url in where.admins)))


def counted(looks: Sequence[BalancerSeen | Gone]) -> dict[str, dict[str, int]]:
    """By pool, how many requests and retries they count since their starts.

    Nothing if one does not answer: had it counted for long, its sums would hide what came since.
    """
    sums: dict[str, dict[str, int]] = {}
    for look in looks:
        if isinstance(look, Gone):
            return {}
        for pool in look.pools:
            own = sums.setdefault(pool.name, {"requests": 0, "retries": 0})
            own["requests"] += pool.requests
            own["retries"] += pool.retries
    return sums


async def all_up(where: Addresses, within: float) -> str:
    """Waits until every balancer has two instances or more of every pool up; else says who is not.

    An instance that is gone for good (a name of an older start) is not waited for.
    """
    async with Collector(replace(where, brokers=(), redis=())) as collector:

        async def missing() -> str:
            looks = [await collector.balancer(url) for url in where.admins]
            return ", ".join(filter(None, map(_not_up, looks)))

        return await until_none(missing, within, _BALANCERS_EVERY)


async def until_none(missing: Callable[[], Awaitable[str]], within: float, every: float) -> str:
    """Asks every so many seconds until nothing is missing; after `within`, gives what still is."""
    last = "nobody was asked"
    with suppress(TimeoutError):
        async with asyncio.timeout(within):
            while last := await missing():  # noqa: ASYNC110 - what others know, nobody tells us
                await asyncio.sleep(every)
    return last


def _not_up(look: BalancerSeen | Gone) -> str:
    if isinstance(look, Gone):
        return f"a balancer: {look.reason}"
    states = {i.name: i.state for pool in look.pools for i in pool.instances if i.state != "gone"}
    if len(states) < 2 * len(look.pools):
        return f"{look.name} sees {len(states)} instances in {len(look.pools)} pools"
    return ", ".join(f"{name} is {state}" for name, state in states.items() if state != _UP)


async def all_read(where: Addresses, within: float) -> str:
    """Waits until every consumer has read all that it was told; else says who has not."""
    async with Collector(replace(where, admins=(), redis=(), postgres="")) as collector:

        async def behind() -> str:
            return _behind((await collector.look()).kafka)

        return await until_none(behind, within, _STORES_EVERY)


def _behind(look: KafkaSeen | Gone) -> str:
    if isinstance(look, Gone):
        return f"Kafka: {look.reason}"
    return ", ".join(f"{group} is {n} events behind" for group, n in look.lag.items() if n)


async def roles(where: Addresses) -> dict[str, list[str]]:
    """Who has which part now, by the words of nemeses/decisions.py; missing where nobody says."""
    async with Collector(replace(where, admins=(), brokers=(), postgres="")) as collector:
        look = await collector.look()
    found = await postgres_roles(postgres_hosts(where.postgres))
    if isinstance(look.redis, RedisSeen):
        found["primary of redis"] = [m.name for m in look.redis.members if m.primary and m.well]
    try:
        found |= await asyncio.to_thread(_kafka_roles, where.brokers)
    except KafkaError as error:
        log.warning("kafka does not say who leads: %s", type(error).__name__)
    return found


async def postgres_roles(hosts: Sequence[str]) -> dict[str, list[str]]:
    """By Patroni's word: a server may have no connection to spare, and that of all the primary."""
    found: dict[str, list[str]] = {f"{part} of postgres": [] for part in _PARTS.values()}
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_PATRONI_SECONDS)) as http:

        async def ask(name: str, part: str) -> None:
            with suppress(aiohttp.ClientError, TimeoutError):
                async with http.get(f"http://{name}:{_PATRONI_PORT}/{part}") as answer:
                    if answer.status == _OK:
                        found[f"{_PARTS[part]} of postgres"].append(f"{name}-1")

        # All at once: a mute one must not hold up the next step by more than its own silence.
        await asyncio.gather(*(ask(*one) for one in itertools.product(hosts, _PARTS)))
    return found


def postgres_hosts(dsn: str) -> list[str]:
    """`postgres-a` and the others of a DSN that names several."""
    listed = dsn.partition("@")[2].partition("/")[0]
    return [host(address) for address in listed.split(",") if address]


def _kafka_roles(brokers: Sequence[str]) -> dict[str, list[str]]:
    """The leader of partition 0 of the topic orders, and that of the metadata."""
    admin: Any = connect(
        KafkaAdminClient,
        bootstrap_servers=list(brokers),
        request_timeout_ms=_ADMIN_MS,
        bootstrap_timeout_ms=_ADMIN_MS,
    )
    try:
        by_id = {b["broker_id"]: f"{b['host']}-1" for b in admin.describe_cluster()["brokers"]}
        topic = admin.describe_topics(["orders"])[0]
        quorum = admin.describe_metadata_quorum()
    finally:
        admin.close()
    leader = topic["partitions"][0]["leader_id"]
    controller = quorum["topics"][0]["partitions"][0]["leader_id"]
    return {
        "leader of kafka": [by_id[leader]],
        "controller of kafka": [by_id[controller]],
    }
