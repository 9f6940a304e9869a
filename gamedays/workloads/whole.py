"""Are the stores whole again? Then the next of their members may go.

A container is healthy when its server answers; it may still lack what it missed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from kafka import KafkaAdminClient
from kafka.errors import KafkaError

from chassis.bus.clients import connect
from gamedays.workloads.observer import postgres_hosts, postgres_roles, until_none
from loadtests.watch.collect import Addresses, Collector
from loadtests.watch.seen import Gone, RedisSeen

_AGAIN_SECONDS = 0.5
_ADMIN_MS = 2_000
_SHARDS, _REDIS_MEMBERS = 3, 6

Topics = Sequence[Mapping[str, Any]]


async def whole(where: Addresses, within: float) -> str:
    """Waits until nothing is missing; else, after so many seconds, says what is."""
    async with Collector(replace(where, admins=(), brokers=(), postgres="")) as collector:
        return await until_none(partial(_missing, collector, where), within, _AGAIN_SECONDS)


async def _missing(collector: Collector, where: Addresses) -> str:
    look = await collector.look()
    found = [
        *redis_lacks(look.redis),
        *postgres_lacks(await postgres_roles(postgres_hosts(where.postgres))),
    ]
    try:
        found += kafka_lacks(await asyncio.to_thread(topics, where.brokers))
    except KafkaError as error:
        found.append(f"Kafka: {type(error).__name__}")
    return ", ".join(found)


def topics(brokers: Sequence[str]) -> Topics:
    """All topics with their partitions, by Kafka's own word.

    Raises:
        KafkaError: it does not answer.
    """
    admin: Any = connect(
        KafkaAdminClient,
        bootstrap_servers=list(brokers),
        request_timeout_ms=_ADMIN_MS,
        bootstrap_timeout_ms=_ADMIN_MS,
    )
    try:
        told: Topics = admin.describe_topics()
        return told
    finally:
        admin.close()


def kafka_lacks(told: Topics) -> Iterator[str]:
    """Partitions that a broker has not caught up with."""
    for topic in told:
        behind = sum(
            set(partition["replica_nodes"]) != set(partition["isr_nodes"])
            for partition in topic["partitions"]
        )
        if behind:
            yield f"{behind} partitions of {topic['name']} lack a copy"


def redis_lacks(look: RedisSeen | Gone) -> Iterator[str]:
    """A shard without its primary or its replica."""
    if not isinstance(look, RedisSeen):
        yield "Redis does not answer"
        return
    well = [member for member in look.members if member.well]
    primaries = sum(member.primary for member in well)
    if (primaries, len(well)) != (_SHARDS, _REDIS_MEMBERS):
        yield f"Redis has {len(well)} members, {primaries} of them primaries"


def postgres_lacks(roles: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """A primary, a synchronous standby and another one (Patroni counts both as standbys)."""
    wanted = {"primary": 1, "standby": 2, "synchronous standby": 1}
    for part, number in wanted.items():
        there = len(roles.get(f"{part} of postgres", ()))
        if there != number:
            yield f"Postgres: {part}: {there} of {number}"
