"""Consuming from Kafka with asyncio: effects first, then the offset, and nothing blocks.

One thread polls; the event loop handles. From the poll that brought its records until they are
handled (or, one by one, handed out) it is a partition's turn: it is paused, so that what is held
is bounded by one poll. Only offsets whose effect is done are committed, once a second: each commit
is a replicated write, and what a crash repeats has no second effect. A record whose handling keeps
failing by its own fault goes to the dead letters; one that cannot be handled because a store or a
peer is away waits, with all that its poll brought, for as long as it takes.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import queue
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from time import monotonic as clock
from typing import TYPE_CHECKING, Any

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError
from kafka.structs import OffsetAndMetadata

from chassis.bus.clients import consuming
from chassis.bus.dead_letters import TOPIC as DEAD_LETTERS
from chassis.bus.dead_letters import DeadLetters
from chassis.bus.event import Event, Undecodable
from chassis.bus.offsets import OffsetTracker
from chassis.bus.topics import ensure
from chassis.context import RequestContext, current_request
from chassis.metrics import BUS_CONSUMED, BUS_LAG, BUS_RETRIES
from chassis.problems import Unavailable
from chassis.resilience import ResilienceError
from chassis.trace import Trace

if TYPE_CHECKING:
    from chassis.bus.producer import Producer

log = logging.getLogger(__name__)

Handle = Callable[[list[Event]], Awaitable[None]]
Polled = dict[TopicPartition, list[Any]]
"""What a poll brought: each partition's records, in order."""

# Not the record's fault: it waits.
_AWAY = (Unavailable, ResilienceError, OSError, TimeoutError)
_TRIES = 3  # of a record that fails by its own fault, before it is a dead letter
_BACKOFF_SECONDS = (0.1, 0.3, 1.0, 3.0)
_FETCH_WAIT_MS = 1_000
_POLL_MS = 500
_BUSY_POLL_MS = 50  # while records are handled: their partitions are to be resumed soon after
_COMMIT_MS = 3_000
_COMMIT_EVERY_SECONDS = 1.0
_FETCH_BYTES = 256 * 1024  # some 700 orders of one partition
_LAG_SECONDS = 1.0
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
        near: str = "",
        concurrency: int = 1,
        batch: int = 200,
        gather: float = 1.0,
        commit_every: float = _COMMIT_EVERY_SECONDS,
    ) -> None:
        """`handle` gets what a poll brought, of each partition in order, up to `batch` at once.

        With `concurrency` over 1 it gets them one by one, that many at a time and in no order:
        for slow effects that do not depend on each other. `gather`: seconds, after records came, in
        which more may come together. `commit_every`: seconds, at least, between two commits.

        `near`: a zone, to read from the replicas there and not from the leaders, wherever they are.
        A replica may give a record only once it heard that all have it: where little is written
        that was half a second after the leader, and up to 1.5 (a leader: 0.02).
        """
        self._group = group
        self._topics = topics
        self._handle = handle
        self._dead_letters = DeadLetters(producer, group)
        self._places = asyncio.Semaphore(concurrency)
        self._one_by_one = concurrency > 1
        self._batch = batch
        self._gather = gather
        self._commit_every = commit_every
        self._config: dict[str, Any] = {
            "bootstrap_servers": brokers.split(","),
            "group_id": group,
            "client_id": client_id,
            "client_rack": near,
            # A broker answers the first record at once, and else after this long.
            "fetch_min_bytes": 1,
            "fetch_max_wait_ms": _FETCH_WAIT_MS,
            "enable_auto_commit": False,
            "auto_offset_reset": "earliest",
            "isolation_level": "read_committed",
            # A poll takes all that was fetched, and a fetch is small. What a poll leaves of a
            # partition that is then paused is put by in kafka-python 3.0.12 and, once records of
            # another one have come in between, not found again: the partition stands still.
            "max_poll_records": 2**31 - 1,
            "max_partition_fetch_bytes": _FETCH_BYTES,
            # A dead member's partitions are another's after this long, and after the others' next
            # heartbeat: with six seconds and 1.5, an effect took up to 10.4 s (docs/gamedays.md).
            "session_timeout_ms": 3_000,
            "heartbeat_interval_ms": 750,
            "request_timeout_ms": 7_000,
            "bootstrap_timeout_ms": 3_000,  # it is tried again, and a stop waits for it
            "reconnect_backoff_max_ms": 1_000,
            "metadata_max_age_ms": 30_000,
            "allow_auto_create_topics": False,
            "metrics_enabled": False,
        }
        self._loop = asyncio.get_running_loop()
        # From the loop to the polling thread: an offset to commit, or a turn that is over.
        self._done: queue.SimpleQueue[tuple[TopicPartition, int | None, int]] = queue.SimpleQueue()
        self._closing = threading.Event()
        self._stop = threading.Event()
        self._failed = threading.Event()
        # Owned by the event loop:
        self._tasks: set[asyncio.Task[None]] = set()
        self._trackers: dict[TopicPartition, OffsetTracker] = {}
        # Owned by the polling thread:
        self._turns = itertools.count()
        self._held: dict[TopicPartition, int] = {}  # partitions paused, and for which turn
        self._uncommitted: dict[TopicPartition, int] = {}
        self._commit_at = 0.0
        self._shown: set[TopicPartition] = set()  # partitions with a lag to be seen
        self._lag_at = 0.0

    async def run(self, *also: str) -> None:
        """Makes its topics, those it tells about (`also`), and consumes until cancelled.

        Raises:
            BusUnavailable: the topics could not be made.
        """
        brokers: list[str] = self._config["bootstrap_servers"]
        await ensure(",".join(brokers), [*self._topics, *also, DEAD_LETTERS])
        async with self.running():
            await asyncio.Event().wait()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Consumes until the block ends; then finishes what is in hand, commits, and leaves."""
        thread = threading.Thread(target=self._poll_forever, name=f"consumer-{self._group}")
        thread.daemon = True
        thread.start()
        try:
            yield
        finally:
            self._closing.set()
            await self._finish()
            self._stop.set()
            await asyncio.to_thread(thread.join, _FINISH_SECONDS)

    async def _finish(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(_FINISH_SECONDS):
                while self._tasks:
                    await asyncio.wait(self._tasks)
        for task in self._tasks:
            task.cancel()

    # The polling thread.

    def _poll_forever(self) -> None:
        failures = 0
        while not self._stop.is_set():
            try:
                with consuming(self._config) as consumer:
                    consumer.subscribe(self._topics)
                    while not self._stop.is_set():
                        came = self._poll(consumer)
                        failures = 0
                        if came:  # asking for each record costs several times the processor
                            self._stop.wait(self._gather)
                    self._commit_at = 0.0
                    self._settle(consumer)
            except KafkaError as error:
                log.warning(
                    "consumer: Kafka is away", extra={"group": self._group, "kind": str(error)}
                )
            except Exception:
                log.exception("consumer failed; joining again", extra={"group": self._group})
            if not self._stop.is_set():
                self._held.clear()
                failures += 1
                self._stop.wait(_backoff(failures))

    def _poll(self, consumer: KafkaConsumer) -> bool:
        """Gives whether there were records."""
        if self._failed.is_set():  # its partition would stand still for ever
            self._failed.clear()
            raise RuntimeError("records were left unhandled: reading them again")
        # Asked before settling: when no task is left, all that tasks had to say is settled now.
        busy = bool(self._tasks)
        self._settle(consumer)
        busy = busy or bool(self._held)
        polled = consumer.poll(_BUSY_POLL_MS if busy else _POLL_MS)
        if polled:
            turn = next(self._turns)
            consumer.pause(*polled)
            self._held.update(dict.fromkeys(polled, turn))
            self._loop.call_soon_threadsafe(self._take, polled, turn)
        self._show_lag(consumer)
        return bool(polled)

    def _settle(self, consumer: KafkaConsumer) -> None:
        """Commits what is done and resumes partitions whose turn is over.

        What is said of a partition that went to another member is dropped: that one sees the
        records again. One that stayed through a rebalance is still paused, and its turn goes on.
        """
        over: list[tuple[TopicPartition, int]] = []
        with suppress(queue.Empty):
            while True:
                partition, offset, turn = self._done.get_nowait()
                if offset is None:
                    over.append((partition, turn))
                else:
                    self._uncommitted[partition] = offset
        mine = consumer.assignment()
        self._held = {p: turn for p, turn in self._held.items() if p in mine}
        self._commit(consumer, {p: o for p, o in self._uncommitted.items() if p in mine})
        for partition, turn in over:
            if self._held.get(partition) == turn:
                del self._held[partition]
                consumer.resume(partition)

    def _commit(self, consumer: KafkaConsumer, offsets: dict[TopicPartition, int]) -> None:
        self._uncommitted = offsets
        now = clock()
        if not offsets or now < self._commit_at:
            return
        self._commit_at = now + self._commit_every
        try:
            consumer.commit(
                {p: OffsetAndMetadata(offset, "", -1) for p, offset in offsets.items()},
                timeout_ms=_COMMIT_MS,
            )
        except KafkaError as error:  # a rebalance, or no coordinator: tried again after this poll
            log.info("commit failed", extra={"group": self._group, "kind": type(error).__name__})
        else:
            self._uncommitted = {}

    def _show_lag(self, consumer: KafkaConsumer) -> None:
        now = clock()
        if now < self._lag_at:
            return
        self._lag_at = now + _LAG_SECONDS
        mine = consumer.assignment()
        for partition in self._shown - mine:
            BUS_LAG.remove(self._group, _name(partition))
        self._shown = set()
        for partition in mine:
            end, position = consumer.highwater(partition), consumer.position(partition, 100)
            if end is not None and position is not None:
                BUS_LAG.labels(self._group, _name(partition)).set(max(0, end - position))
                self._shown.add(partition)

    # The event loop.

    def _take(self, polled: Polled, turn: int) -> None:
        if self._closing.is_set():
            return  # not begun, not committed: another member's
        if self._one_by_one:
            for partition, records in polled.items():
                self._begin(self._each(partition, records, turn))
        else:
            self._begin(self._in_order(polled, turn))

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._end)

    def _end(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:  # a mistake of ours, in here
            log.error("consumer: a task failed", exc_info=task.exception())
            self._failed.set()

    async def _in_order(self, polled: Polled, turn: int) -> None:
        """All partitions together: one large effect costs less than a small one for each."""
        all_records = [(partition, record) for partition, of in polled.items() for record in of]
        for start in range(0, len(all_records), self._batch):
            if self._closing.is_set():
                return
            batch = all_records[start : start + self._batch]
            await self._process([record for _, record in batch])
            for partition, offset in {p: record.offset + 1 for p, record in batch}.items():
                self._done.put((partition, offset, turn))
        for partition in polled:
            self._done.put((partition, None, turn))

    async def _each(self, partition: TopicPartition, records: list[Any], turn: int) -> None:
        """Hands out the records as places come free; the turn is over when all are out."""
        tracker = self._trackers.get(partition)
        if tracker is None or records[0].offset <= tracker.newest:  # read again after a rebalance
            tracker = self._trackers[partition] = OffsetTracker()
        for record in records:
            tracker.begin(record.offset)
        for record in records:
            await self._places.acquire()
            if self._closing.is_set():
                return
            self._begin(self._one(partition, record, tracker, turn))
        self._done.put((partition, None, turn))

    async def _one(
        self, partition: TopicPartition, record: Any, tracker: OffsetTracker, turn: int
    ) -> None:
        try:
            await self._process([record])
        finally:
            self._places.release()
        offset = tracker.finish(record.offset)
        if offset is not None:
            self._done.put((partition, offset, turn))

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
                if failures == 0:
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


def _name(partition: TopicPartition) -> str:
    return f"{partition.topic}/{partition.partition}"


def _backoff(failures: int) -> float:
    return _BACKOFF_SECONDS[min(failures, len(_BACKOFF_SECONDS) - 1)]
