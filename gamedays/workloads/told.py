"""What the topics were told, in their order: read once, at the end, by nobody's group."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

import orjson
from kafka import KafkaConsumer, TopicPartition

from chassis.bus.clients import connect
from gamedays.checkers.telling import ORDERS, PAYMENTS

TOPICS = (ORDERS, PAYMENTS)

_POLL_MS = 500
_REQUEST_MS = 5_000
_READ_SECONDS = 30.0


def told(brokers: Sequence[str], since: float) -> list[dict[str, Any]]:
    """Every copy of every event since that time (seconds since the epoch), as checkers read it.

    What is no event has no order to keep and is left out. Blocks.

    Raises:
        KafkaError: nobody answers.
        TimeoutError: there is no end of it.
    """
    consumer: Any = connect(
        KafkaConsumer,
        bootstrap_servers=list(brokers),
        enable_auto_commit=False,
        isolation_level="read_committed",
        request_timeout_ms=_REQUEST_MS,
        bootstrap_timeout_ms=_REQUEST_MS,
        # Nothing is paused and nothing committed: a poll may be of any size.
        max_poll_records=2**31 - 1,
    )
    try:
        return [row for record in _records(consumer, since) if (row := _row(record))]
    finally:
        consumer.close(autocommit=False)


def _records(consumer: Any, since: float) -> Iterator[Any]:
    parts = [part for topic in TOPICS for part in _partitions(consumer, topic)]
    consumer.assign(parts)
    ends = consumer.end_offsets(parts)
    begins = consumer.offsets_for_times(dict.fromkeys(parts, int(since * 1000)))
    for part in parts:
        first = begins[part]
        consumer.seek(part, ends[part] if first is None else first.offset)
    until = time.monotonic() + _READ_SECONDS
    while any(consumer.position(part) < end for part, end in ends.items()):
        if time.monotonic() > until:
            raise TimeoutError(f"the topics were not read within {_READ_SECONDS:.0f} s")
        for records in consumer.poll(timeout_ms=_POLL_MS).values():
            yield from records


def _partitions(consumer: Any, topic: str) -> list[TopicPartition]:
    numbers = consumer.partitions_for_topic(topic)
    if not numbers:
        raise TimeoutError(f"nobody says which partitions {topic} has")
    return [TopicPartition(topic, number) for number in numbers]


def _row(record: Any) -> dict[str, Any] | None:
    try:
        event = orjson.loads(record.value)
        return {
            "topic": record.topic,
            "partition": record.partition,
            "offset": record.offset,
            "at": record.timestamp / 1000,
            "show_id": int(record.key),
            "order_id": str(event["data"]["order_id"]),
            "kind": str(event["type"]),
        }
    except (ValueError, TypeError, KeyError):
        return None
