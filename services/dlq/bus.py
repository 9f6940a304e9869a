"""The dead-letter topic itself. Blocking: this is a command, not a service."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from contextlib import closing
from typing import Any

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import KafkaError
from kafka.structs import OffsetAndMetadata

from chassis.bus.clients import connect
from chassis.bus.dead_letters import TOPIC
from services.dlq.decisions import Letter, Progress

GROUP = "dlq-replay"
_TIMEOUT_MS = 10_000
_BOOTSTRAP_MS = 6_000
"""Two seconds for each of three brokers: one that is paused takes connections, and says nothing."""
_REQUEST_MS = 4_000
"""Longer than it takes Kafka to have another broker lead in place of one that died (three)."""


class NoBroker(Exception):
    """None of the brokers answered; the message says which were asked, and for how long."""


class DeadLetterTopic:
    """Reads letters, keeps the progress of replays, sends letters back."""

    def __init__(self, brokers: str) -> None:
        """Connects.

        Raises:
            NoBroker: see there.
            KafkaError: they do not say what topics there are.
        """
        self._brokers = brokers.split(",")
        try:
            self._consumer = connect(
                KafkaConsumer,
                bootstrap_servers=self._brokers,
                group_id=GROUP,
                enable_auto_commit=False,
                auto_offset_reset="earliest",
                isolation_level="read_committed",
                bootstrap_timeout_ms=_BOOTSTRAP_MS,
                request_timeout_ms=_REQUEST_MS,
                reconnect_backoff_max_ms=1_000,
            )
        except KafkaError as error:
            raise NoBroker(
                f"none of {', '.join(self._brokers)} within {_BOOTSTRAP_MS / 1000:.0f} s"
            ) from error
        try:
            numbers = self._consumer.partitions_for_topic(TOPIC) or set()
        except BaseException:
            self.close()
            raise
        self._partitions = [TopicPartition(TOPIC, number) for number in sorted(numbers)]

    def close(self) -> None:
        """Leaves without a commit."""
        self._consumer.close(autocommit=False, timeout_ms=_REQUEST_MS)

    def letters(self) -> list[Letter]:
        """All there are.

        Raises:
            TimeoutError: the brokers stopped answering half-way.
        """
        if not self._partitions:
            return []
        self._consumer.assign(self._partitions)
        self._consumer.seek_to_beginning(*self._partitions)
        ends = self._consumer.end_offsets(self._partitions, timeout_ms=_TIMEOUT_MS)
        found: list[Letter] = []
        until = time.monotonic() + _TIMEOUT_MS / 1000
        while any(self._read_upto(partition) < end for partition, end in ends.items()):
            if time.monotonic() > until:
                raise TimeoutError("not all dead letters came")
            for records in self._consumer.poll(timeout_ms=500).values():
                found += map(Letter.read, records)
        return found

    def _read_upto(self, partition: TopicPartition) -> int:
        """The next offset to come; 0 while it is not known, as for want of a leader."""
        return self._consumer.position(partition, timeout_ms=_REQUEST_MS) or 0

    def progress(self) -> dict[int, Progress]:
        """What was replayed before, by partition."""
        found = {}
        for partition in self._partitions:
            committed = self._consumer.committed(partition, metadata=True, timeout_ms=_TIMEOUT_MS)
            if committed is not None:
                found[partition.partition] = Progress.decode(committed.offset, committed.metadata)
        return found

    def remember(self, progress: Mapping[int, Progress]) -> None:
        """Commits it."""
        offsets: dict[TopicPartition, Any] = {
            TopicPartition(TOPIC, number): OffsetAndMetadata(*of_partition.encode(), -1)
            for number, of_partition in progress.items()
        }
        if offsets:
            self._consumer.commit(offsets, timeout_ms=_TIMEOUT_MS)

    def send_back(self, letters: Iterable[Letter]) -> None:
        """Publishes them where they came from; returns when all in-sync replicas have them.

        Raises:
            KafkaError: one could not be published; some of the others may have been.
        """
        with closing(
            connect(
                KafkaProducer,
                bootstrap_servers=self._brokers,
                acks="all",
                enable_idempotence=True,
                bootstrap_timeout_ms=_BOOTSTRAP_MS,
                max_block_ms=_TIMEOUT_MS,
                delivery_timeout_ms=3 * _TIMEOUT_MS,
                request_timeout_ms=_REQUEST_MS,
                reconnect_backoff_max_ms=1_000,
                allow_auto_create_topics=False,
            )
        ) as producer:
            origin = [("replayed_from", TOPIC.encode())]
            sent = [producer.send(x.topic, x.value, x.key, headers=origin) for x in letters]
            for future in sent:
                future.get(timeout=3 * _TIMEOUT_MS / 1000)
