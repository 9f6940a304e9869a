"""Kafka's side of the view, in a thread of its own: its client blocks, and may for seconds."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from typing import Any

from kafka import KafkaAdminClient, TopicPartition
from kafka.errors import KafkaError
from kafka.protocol.consumer import OffsetSpec

from chassis.bus.clients import connect
from loadtests.watch.seen import Gone, KafkaSeen

_EVERY_SECONDS = 2.0
_STALE_SECONDS = 6.0
_REQUEST_MS = 2_000
_BOOTSTRAP_MS = 3_000
"""A second for each of three brokers, of which one may be paused."""
_DEAD_LETTERS = "dead-letters"
_REPLAY = "dlq-replay"
"""Not a consumer of events: its offsets say which dead letters were sent back."""


class KafkaThread:
    """Looks every two seconds, and keeps the last answer with its time."""

    def __init__(self, brokers: tuple[str, ...]) -> None:
        self._brokers = brokers
        self._stop = threading.Event()
        self._latest: tuple[float, KafkaSeen] | None = None
        self._trouble = "not asked yet"

    def start(self) -> None:
        """Begins to look, if there is anything to look at."""
        logging.getLogger("kafka").setLevel(logging.CRITICAL)  # the view says what is the matter
        if self._brokers:
            threading.Thread(target=self._run, daemon=True, name="kafka").start()

    def stop(self) -> None:
        """Ends it, after the request under way."""
        self._stop.set()

    def latest(self, now: float) -> KafkaSeen | Gone:
        """The last answer, if it is not too old; `now` is monotonic."""
        if self._latest and now - self._latest[0] < _STALE_SECONDS:
            return self._latest[1]
        return Gone(self._trouble)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._look_until_trouble()
            except KafkaError as error:
                self._trouble = type(error).__name__
            except Exception as error:  # noqa: BLE001  nothing may end the view
                self._trouble = repr(error)
            self._stop.wait(_EVERY_SECONDS)

    def _look_until_trouble(self) -> None:
        # Each one made by the library itself would leave a thread behind while Kafka is away.
        admin = connect(
            KafkaAdminClient,
            bootstrap_servers=list(self._brokers),
            request_timeout_ms=_REQUEST_MS,
            bootstrap_timeout_ms=_BOOTSTRAP_MS,
            reconnect_backoff_max_ms=1_000,
        )
        try:
            while not self._stop.wait(_EVERY_SECONDS if self._latest else 0.0):
                seen = _look(admin)
                self._latest = time.monotonic(), seen
        finally:
            admin.close()


def _look(admin: Any) -> KafkaSeen:
    told = admin.describe_cluster()["brokers"]
    alive = frozenset(b["host"] for b in told if not b.get("is_fenced"))
    groups = sorted({group["group_id"] for group in admin.list_groups()})
    committed = admin.list_group_offsets(groups) if groups else {}
    replayed = committed.pop(_REPLAY, {})
    wanted = {partition for offsets in committed.values() for partition in offsets}
    ends = _offsets(admin, wanted, OffsetSpec.LATEST)
    lag = {
        group: sum(
            max(0, ends[partition] - max(0, at.offset))
            for partition, at in offsets.items()
            if partition in ends
        )
        for group, offsets in committed.items()
        if offsets
    }
    return KafkaSeen(alive, lag, _dead_letters(admin, replayed))


def _dead_letters(admin: Any, replayed: Mapping[TopicPartition, Any]) -> int:
    """Those that were not sent back yet."""
    topics = admin.describe_topics([_DEAD_LETTERS])
    partitions = {
        TopicPartition(_DEAD_LETTERS, partition["partition_index"])
        for topic in topics
        for partition in topic["partitions"]
    }
    first = _offsets(admin, partitions, OffsetSpec.EARLIEST)
    last = _offsets(admin, partitions, OffsetSpec.LATEST)
    done = {partition: at.offset for partition, at in replayed.items()}
    return sum(max(0, end - max(first[p], done.get(p, 0))) for p, end in last.items())


def _offsets(admin: Any, partitions: set[TopicPartition], spec: Any) -> dict[TopicPartition, int]:
    if not partitions:
        return {}
    found = admin.list_partition_offsets(dict.fromkeys(partitions, spec), timeout_ms=_REQUEST_MS)
    return {partition: at.offset for partition, at in found.items()}
