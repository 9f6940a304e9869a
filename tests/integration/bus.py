"""Speaking on a real bus from a test."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from chassis.bus.event import Event


@dataclass
class Bus:
    """A producer, and readers from the beginning of time."""

    brokers: str
    producer: Any

    def publish(self, topic: str, *events: Event) -> None:
        """Returns when the broker has them."""
        self.publish_raw(topic, *((e.key.encode(), e.encode()) for e in events))

    def publish_raw(self, topic: str, *records: tuple[bytes, bytes]) -> None:
        """As `publish`, whatever they are."""
        sent = [self.producer.send(topic, value, key) for key, value in records]
        for future in sent:
            future.get(timeout=20)

    def read_until(
        self, topic: str, enough: Callable[[list[Any]], bool], seconds: float = 40
    ) -> list[Any]:
        """All of a topic's records, as soon as they are enough."""
        reader = KafkaConsumer(
            topic,
            bootstrap_servers=self.brokers,
            auto_offset_reset="earliest",
            enable_auto_commit=False,
        )
        records: list[Any] = []
        until = time.monotonic() + seconds
        try:
            while not enough(records):
                if time.monotonic() > until:
                    raise TimeoutError(f"Not enough in {topic} within {seconds} s: {records[-5:]}")
                for polled in reader.poll(200).values():
                    records += polled
        finally:
            reader.close()
        return records

    def read_all(self, topic: str, seconds: float = 20) -> list[Any]:
        """All records that a topic has now."""
        reader = KafkaConsumer(bootstrap_servers=self.brokers, enable_auto_commit=False)
        records: list[Any] = []
        until = time.monotonic() + seconds
        try:
            partitions = [TopicPartition(topic, n) for n in reader.partitions_for_topic(topic)]
            reader.assign(partitions)
            reader.seek_to_beginning(*partitions)
            ends = reader.end_offsets(partitions)
            while any(reader.position(p) < end for p, end in ends.items()):
                if time.monotonic() > until:
                    raise TimeoutError(f"{topic} was not read to its end within {seconds} s")
                for polled in reader.poll(200).values():
                    records += polled
        finally:
            reader.close()
        return records


@contextmanager
def speaking(brokers: str) -> Iterator[Bus]:
    """A bus, until the end of the block."""
    producer = KafkaProducer(bootstrap_servers=brokers, linger_ms=0)
    try:
        yield Bus(brokers, producer)
    finally:
        producer.close()
