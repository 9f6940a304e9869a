"""Topics are made by whoever starts first; all know the same few settings."""

from __future__ import annotations

import asyncio
import logging

from kafka import KafkaAdminClient
from kafka.admin import NewTopic
from kafka.errors import KafkaError, TopicAlreadyExistsError

from chassis.bus.clients import connect
from chassis.bus.producer import BusUnavailable

log = logging.getLogger(__name__)

_PARTITIONS = 6
_REPLICAS = 3


async def ensure(brokers: str, topics: list[str], *, replicas: int = _REPLICAS) -> None:
    """Makes those of `topics` that do not exist yet.

    Raises:
        BusUnavailable: the cluster cannot be reached, or has fewer brokers than replicas.
    """
    try:
        await asyncio.to_thread(_ensure, brokers.split(","), topics, replicas)
    except KafkaError as error:
        raise BusUnavailable(f"Kafka: {type(error).__name__}") from error


def _ensure(brokers: list[str], topics: list[str], replicas: int) -> None:
    admin: KafkaAdminClient = connect(
        KafkaAdminClient,
        bootstrap_servers=brokers,
        request_timeout_ms=10_000,
        bootstrap_timeout_ms=3_000,  # it is tried again, and a process that stops waits for it
    )
    try:
        missing = sorted(set(topics) - set(admin.list_topics()))
        for topic in missing:
            try:
                admin.create_topics([NewTopic(topic, _PARTITIONS, replicas)])
                log.info("topic made", extra={"topic": topic})
            except TopicAlreadyExistsError:
                pass
    finally:
        admin.close()
