"""Consuming from Kafka with asyncio: effects first, then the offset, and nothing blocks.

One thread polls; the event loop handles. A partition whose records are being handled is paused,
so that what is held is bounded by one poll. Offsets are committed when the effect is done, never
by time. A record whose handling keeps failing by its own fault goes to the dead letters; one that
cannot be handled because a store or a peer is away waits, with its partition, for as long as it
takes.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import queue
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from kafka import ConsumerRebalanceListener, KafkaConsumer, TopicPartition
from kafka.errors import CommitFailedError, KafkaError
from kafka.structs import OffsetAndMetadata

from chassis.bus.dead_letters import DeadLetters
from chassis.bus.event import Event, Undecodable
from chassis.bus.offsets import OffsetTracker
from chassis.context import RequestContext, current_request
from chassis.metrics import BUS_CONSUMED, BUS_LAG, BUS_RETRIES
from chassis.problems import Unavailable
from chassis.resilience import ResilienceError
from chassis.trace import Trace

if TYPE_CHECKING:
    from chassis.bus.producer import Producer

log = logging.getLogger(__name__)

Handle = Callable[[list[Event]], Awaitable[None]]

# Not the record's fault: it waits.
_AWAY = (Unavailable, ResilienceError, OSError, TimeoutError)
_TRIES = 3  # of a record that fails by its own fault, before it is a dead letter
_BACKOFF_SECONDS = (0.1, 0.3, 1.0, 3.0)
_POLL_MS = 500
_BUSY_POLL_MS = 20  # while handled records are to be committed and partitions resumed
_FINISH_SECONDS = 5.0


class Consumer:
    """One member of a consumer group."""

    def __init__(
        self,
        *,
        brokers: str,
        group: str,
        topics: list[str],
        handle: Handle,
        producer: Producer,
        client_id: str,
        zone: str,
        concurrency: int = 1,
        batch: int = 200,
    ) -> None:
        """`handle` gets a partition's events in order, up to `batch` at once.

        With `concurrency` over 1 it gets them one by one, that many at a time and in no order:
        for slow effects that do not depend on each other.
        """
        self._group = group
        self._topics = topics
        self._handle = handle
        self._dead_letters = DeadLetters(producer, group)
        self._places = asyncio.Semaphore(concurrency)
        self._one_by_one = concurrency > 1
        self._batch = batch
        self._config: dict[str, Any] = {
            "bootstrap_servers": brokers.split(","),
            "group_id": group,
            "client_id": client_id,
            "client_rack": zone,
            "enable_auto_commit": False,
            "auto_offset_reset": "earliest",
            "isolation_level": "read_committed",
            "max_poll_records": batch,
            "session_timeout_ms": 6_000,
            "heartbeat_interval_ms": 1_500,
            "request_timeout_ms": 7_000,
            "bootstrap_timeout_ms": 10_000,
            "reconnect_backoff_max_ms": 1_000,
            "metadata_max_age_ms": 30_000,
            "allow_auto_create_topics": False,
            "metrics_enabled": False,
        }
        self._loop = asyncio.get_running_loop()
        self._orders: queue.SimpleQueue[Callable[[KafkaConsumer], None]] = queue.SimpleQueue()
        self._stop = threading.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._held: set[TopicPartition] = set()  # partitions paused; owned by the polling thread

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Consumes until the block ends; then finishes what is in hand, commits, and leaves."""
        thread = threading.Thread(target=self._poll_forever, name=f"consumer-{self._group}")
        thread.daemon = True
        thread.start()
        try:
            yield
        finally:
            if self._tasks:
                _, late = await asyncio.wait(self._tasks, timeout=_FINISH_SECONDS)
                for task in late:
                    task.cancel()
            self._stop.set()
            await asyncio.to_thread(thread.join, _FINISH_SECONDS)

    # The polling thread.

    def _poll_forever(self) -> None:
        failures = 0
        while not self._stop.is_set():
            try:
                consumer = KafkaConsumer(**self._config)
            except KafkaError as error:
                log.warning("kafka: not reachable yet", extra={"kind": type(error).__name__})
                self._stop.wait(1.0)
                continue
            try:
                consumer.subscribe(self._topics, listener=_Rebalance(self))
                while not self._stop.is_set():
                    self._poll(consumer)
                    failures = 0
                self._obey(consumer)
            except Exception:
                failures += 1
                log.exception("consumer failed; joining again", extra={"group": self._group})
                self._stop.wait(_backoff(failures))
            finally:
                self._held.clear()
                consumer.close(autocommit=False, timeout_ms=3_000)

    def _poll(self, consumer: KafkaConsumer) -> None:
        timeout = _BUSY_POLL_MS if self._held else _POLL_MS
        for partition, records in consumer.poll(timeout_ms=timeout).items():
            consumer.pause(partition)
            self._held.add(partition)
            self._loop.call_soon_threadsafe(self._take, partition, records)
        self._obey(consumer)
        for partition in consumer.assignment():
            end = consumer.highwater(partition)
            if end is not None:
                lag = max(0, end - consumer.position(partition, timeout_ms=100))
                BUS_LAG.labels(self._group, f"{partition.topic}/{partition.partition}").set(lag)

    def _obey(self, consumer: KafkaConsumer) -> None:
        """Does what the event loop has asked for since: commits, resumes."""
        while True:
            try:
                order = self._orders.get_nowait()
            except queue.Empty:
                return
            order(consumer)

    def _commit(self, consumer: KafkaConsumer, partition: TopicPartition, offset: int) -> None:
        if partition not in consumer.assignment():
            return  # it is another member's now; that one sees these records again
        try:
            consumer.commit({partition: OffsetAndMetadata(offset, "", -1)}, timeout_ms=5_000)
        except CommitFailedError:
            log.info("commit came after a rebalance", extra={"partition": str(partition)})

    def _resume(self, consumer: KafkaConsumer, partition: TopicPartition) -> None:
        if partition in self._held:
            self._held.discard(partition)
            if partition in consumer.assignment():
                consumer.resume(partition)

    # The event loop.

    def _take(self, partition: TopicPartition, records: list[Any]) -> None:
        work = self._each if self._one_by_one else self._in_order
        task = self._loop.create_task(work(partition, records))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _in_order(self, partition: TopicPartition, records: list[Any]) -> None:
        await self._process(records)
        self._done(partition, records[-1].offset + 1)
        self._orders.put(lambda c: self._resume(c, partition))

    async def _each(self, partition: TopicPartition, records: list[Any]) -> None:
        """Hands out the records as places come free; the partition resumes when all are out."""
        tracker = OffsetTracker()

        async def one(record: Any) -> None:
            try:
                await self._process([record])
            finally:
                self._places.release()
            offset = tracker.finish(record.offset)
            if offset is not None:
                self._done(partition, offset)

        async with asyncio.TaskGroup() as group:
            for record in records:
                tracker.begin(record.offset)
            for record in records:
                await self._places.acquire()
                group.create_task(one(record))
        self._orders.put(lambda c: self._resume(c, partition))

    def _done(self, partition: TopicPartition, offset: int) -> None:
        self._orders.put(lambda c: self._commit(c, partition, offset))

    async def _process(self, records: list[Any]) -> None:
        """Returns when every record has had its effect or is a dead letter."""
        letters: list[tuple[Any, Event]] = []
        for record in records:
            try:
                letters.append((record, Event.decode(record.key, record.value)))
            except Undecodable as error:
                await self._set_aside(record, error, tries=1)
        if not letters:
            return
        try:
            await self._effect_when_possible([event for _, event in letters])
        except Exception as error:
            log.warning("bus: handling failed", exc_info=True, extra={"group": self._group})
            if len(letters) == 1:
                await self._again(*letters[0], error)
            else:  # find the culprit: each by itself
                for record, _ in letters:
                    await self._process([record])

    async def _again(self, record: Any, event: Event, error: Exception) -> None:
        """The record failed once by its own fault: some more tries, then aside with it."""
        for tries in range(1, _TRIES):
            BUS_RETRIES.labels(self._group).inc()
            await asyncio.sleep(_backoff(tries))
            try:
                await self._effect_when_possible([event])
            except Exception as again:  # noqa: BLE001 - whatever it is, the record is to blame
                error = again
            else:
                return
        await self._set_aside(record, error, _TRIES)

    async def _effect_when_possible(self, events: list[Event]) -> None:
        """Waits, for as long as it takes, while what the effect needs is away."""
        for failures in itertools.count():
            try:
                await self._effect(events)
            except _AWAY as error:
                log.warning(
                    "bus: waiting", extra={"group": self._group, "kind": type(error).__name__}
                )
                BUS_RETRIES.labels(self._group).inc()
                await asyncio.sleep(_backoff(failures))
            else:
                return

    async def _set_aside(self, record: Any, error: Exception, tries: int) -> None:
        for failures in itertools.count():
            try:
                await self._dead_letters.add(record, error, tries)
            except Unavailable:
                await asyncio.sleep(_backoff(failures))
            else:
                return

    async def _effect(self, events: list[Event]) -> None:
        trace = Trace.parse(events[0].traceparent) or Trace.begin()
        token = current_request.set(RequestContext(events[0].id, trace.child()))
        try:
            await self._handle(events)
        finally:
            current_request.reset(token)
        BUS_CONSUMED.labels(self._group).inc(len(events))


class _Rebalance(ConsumerRebalanceListener):  # type: ignore[misc] # the library is untyped
    """Partitions that went to another member are no longer held here."""

    def __init__(self, consumer: Consumer) -> None:
        self._consumer = consumer

    def on_partitions_revoked(self, revoked: list[TopicPartition]) -> None:
        self._consumer._held.difference_update(revoked)  # noqa: SLF001 - its other half

    def on_partitions_assigned(self, assigned: list[TopicPartition]) -> None:
        """Nothing to do: reading starts at the committed offset."""


def _backoff(failures: int) -> float:
    return _BACKOFF_SECONDS[min(failures, len(_BACKOFF_SECONDS) - 1)]
