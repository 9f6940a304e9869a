"""The polling thread's turns: what is paused, resumed and committed, poll by poll."""

import asyncio
import threading
from typing import Any

import pytest
from kafka import TopicPartition
from kafka.errors import CommitFailedError

from chassis.bus import clients
from chassis.bus import consumer as module
from chassis.bus.consumer import Consumer
from chassis.bus.event import Event
from tests.unit.chassis.bus.records import Effects, Record, consumer_of, records

HERE = TopicPartition("orders", 0)


class FakeKafka:
    """What the polling thread uses of a KafkaConsumer."""

    def __init__(self, *mine: TopicPartition) -> None:
        self.mine = set(mine)
        self.paused: set[TopicPartition] = set()
        self.commits: list[dict[TopicPartition, int]] = []
        self.records: dict[TopicPartition, list[Record]] = {}
        self.refuse_commits = 0

    def poll(self, _timeout_ms: int) -> dict[TopicPartition, list[Record]]:
        taken = {p: r for p, r in self.records.items() if p not in self.paused}
        self.records = {p: r for p, r in self.records.items() if p not in taken}
        return taken

    def assignment(self) -> set[TopicPartition]:
        return set(self.mine)

    def pause(self, *partitions: TopicPartition) -> None:
        self.paused.update(partitions)

    def resume(self, partition: TopicPartition) -> None:
        self.paused.discard(partition)

    def commit(self, offsets: Any, timeout_ms: int) -> None:
        assert timeout_ms > 0
        if self.refuse_commits:
            self.refuse_commits -= 1
            raise CommitFailedError
        self.commits.append({p: o.offset for p, o in offsets.items()})

    def highwater(self, _: TopicPartition) -> None:
        return None

    def position(self, _: TopicPartition, _timeout_ms: int) -> None:
        return None


async def all_done(consumer: Consumer) -> None:
    """The loop has taken what was polled, and handled it."""
    await asyncio.sleep(0)
    while consumer._tasks:
        await asyncio.wait(consumer._tasks)
    await asyncio.sleep(0)


async def test_the_offset_is_committed_after_the_effect() -> None:
    gate, kafka = asyncio.Event(), FakeKafka(HERE)

    async def handle(_: list[Event]) -> None:
        await gate.wait()

    consumer = consumer_of(handle)
    kafka.records[HERE] = records("a", "b", begin=7)
    consumer._poll(kafka)
    await asyncio.sleep(0)
    consumer._poll(kafka)
    assert kafka.commits == []
    assert kafka.paused == {HERE}

    gate.set()
    await all_done(consumer)
    consumer._poll(kafka)

    assert kafka.commits == [{HERE: 9}]
    assert kafka.paused == set()


async def test_a_poll_is_handled_in_batches_each_with_its_commit() -> None:
    kafka, effects = FakeKafka(HERE), Effects()
    gate, inner = asyncio.Event(), effects.__call__

    async def handle(events: list[Event]) -> None:
        if len(effects.calls) == 2:
            await gate.wait()
        await inner(events)

    consumer = consumer_of(handle, batch=2)
    kafka.records[HERE] = records("a", "b", "c", "d", "e", begin=7)
    consumer._poll(kafka)
    while len(effects.calls) < 2:
        await asyncio.sleep(0)
    consumer._poll(kafka)
    assert kafka.commits == [{HERE: 11}]
    assert kafka.paused == {HERE}

    gate.set()
    await all_done(consumer)
    consumer._poll(kafka)
    assert effects.calls == [["a", "b"], ["c", "d"], ["e"]]
    assert kafka.commits == [{HERE: 11}, {HERE: 12}]
    assert kafka.paused == set()


async def test_the_partitions_of_a_poll_share_effects_and_each_gets_its_commit() -> None:
    there = TopicPartition("orders", 1)
    kafka, effects = FakeKafka(HERE, there), Effects()
    consumer = consumer_of(effects, batch=3)
    kafka.records = {HERE: records("a", "b", begin=7), there: records("c", "d", begin=40)}
    consumer._poll(kafka)
    assert kafka.paused == {HERE, there}
    await all_done(consumer)
    consumer._poll(kafka)

    assert effects.calls == [["a", "b", "c"], ["d"]]
    assert kafka.commits == [{HERE: 9, there: 42}]
    assert kafka.paused == set()


async def test_a_partition_that_stays_through_a_rebalance_goes_on() -> None:
    """The client keeps it paused: nobody else would ever resume it."""
    gate, kafka, there = asyncio.Event(), FakeKafka(HERE), TopicPartition("orders", 1)

    async def handle(_: list[Event]) -> None:
        await gate.wait()

    consumer = consumer_of(handle)
    kafka.records[HERE] = records("a")
    consumer._poll(kafka)
    kafka.mine = {HERE, there}
    consumer._poll(kafka)
    gate.set()
    await all_done(consumer)
    consumer._poll(kafka)

    assert kafka.paused == set()
    assert kafka.commits == [{HERE: 1}]


async def test_a_partition_that_went_away_is_not_committed() -> None:
    kafka = FakeKafka(HERE)
    consumer = consumer_of(Effects())
    kafka.records[HERE] = records("a")
    consumer._poll(kafka)
    await all_done(consumer)
    kafka.mine = set()
    consumer._poll(kafka)
    kafka.mine = {HERE}
    consumer._poll(kafka)

    assert kafka.commits == []


async def test_an_old_turns_end_does_not_end_the_new_one() -> None:
    """The partition went and came back while its first records were still being handled."""
    gates, kafka = [asyncio.Event(), asyncio.Event()], FakeKafka(HERE)
    turns = iter(gates)

    async def handle(_: list[Event]) -> None:
        await next(turns).wait()

    consumer = consumer_of(handle)
    kafka.records[HERE] = records("a")
    consumer._poll(kafka)
    await asyncio.sleep(0)
    kafka.mine = set()
    consumer._poll(kafka)
    kafka.mine, kafka.paused, kafka.records = {HERE}, set(), {HERE: records("a", "b")}
    consumer._poll(kafka)
    await asyncio.sleep(0)

    first, second = gates
    first.set()
    while len(consumer._tasks) > 1:
        await asyncio.sleep(0)
    consumer._poll(kafka)
    assert kafka.paused == {HERE}

    second.set()
    await all_done(consumer)
    consumer._poll(kafka)
    assert kafka.paused == set()
    assert kafka.commits[-1] == {HERE: 2}


async def test_a_commit_that_failed_is_tried_again() -> None:
    kafka = FakeKafka(HERE)
    kafka.refuse_commits = 2
    consumer = consumer_of(Effects())
    kafka.records[HERE] = records("a")
    consumer._poll(kafka)
    await all_done(consumer)
    for _ in range(4):
        consumer._poll(kafka)

    assert kafka.commits == [{HERE: 1}]


async def test_commits_are_a_while_apart_and_the_last_one_is_not_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now, kafka = 100.0, FakeKafka(HERE)
    monkeypatch.setattr(module, "clock", lambda: now)
    consumer = consumer_of(Effects(), commit_every=1.0)
    for offset, name in enumerate("abc"):
        kafka.records[HERE] = records(name, begin=offset)
        consumer._poll(kafka)
        await all_done(consumer)
        consumer._poll(kafka)
        assert kafka.paused == set()  # the next records do not wait for the commit
    assert kafka.commits == [{HERE: 1}]

    now = 101.0
    consumer._poll(kafka)
    assert kafka.commits == [{HERE: 1}, {HERE: 3}]


async def test_one_by_one_a_slow_record_holds_up_no_other_but_keeps_its_offset() -> None:
    gate, done, kafka = asyncio.Event(), [], FakeKafka(HERE)

    async def handle(events: list[Event]) -> None:
        (name,) = [e.data["n"] for e in events]
        if name == "slow":
            await gate.wait()
        done.append(name)

    consumer = consumer_of(handle, concurrency=3)
    kafka.records[HERE] = records("a", "slow", "c")
    consumer._poll(kafka)
    while len(done) < 2:
        await asyncio.sleep(0)
    consumer._poll(kafka)
    assert kafka.paused == set()  # all are handed out: the next may come
    assert kafka.commits == [{HERE: 1}]

    kafka.records[HERE] = records("d", "e", begin=3)
    consumer._poll(kafka)
    while len(done) < 4:
        await asyncio.sleep(0)
    consumer._poll(kafka)
    assert kafka.commits == [{HERE: 1}]

    gate.set()
    await all_done(consumer)
    consumer._poll(kafka)
    assert kafka.commits == [{HERE: 1}, {HERE: 5}]


async def test_one_by_one_no_more_than_the_places_at_a_time() -> None:
    gate, under_way, most = asyncio.Event(), 0, 0

    async def handle(_: list[Event]) -> None:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await gate.wait()
        under_way -= 1

    consumer, kafka = consumer_of(handle, concurrency=4), FakeKafka(HERE)
    kafka.records[HERE] = records(*"abcdefghij")
    consumer._poll(kafka)
    for _ in range(5):
        await asyncio.sleep(0)
    assert under_way == 4
    consumer._poll(kafka)
    assert kafka.paused == {HERE}

    gate.set()
    await all_done(consumer)
    assert most == 4


async def test_records_read_again_after_a_rebalance_are_tracked_anew() -> None:
    gate, kafka = asyncio.Event(), FakeKafka(HERE)

    async def handle(_: list[Event]) -> None:
        await gate.wait()

    consumer = consumer_of(handle, concurrency=8)
    for _ in range(2):
        kafka.records[HERE] = records("a", "b")
        kafka.paused.clear()
        consumer._poll(kafka)
        await asyncio.sleep(0)
    gate.set()
    await all_done(consumer)
    consumer._poll(kafka)

    assert kafka.commits == [{HERE: 2}]


async def test_a_mistake_in_here_stops_no_partition_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kafka, consumer = FakeKafka(HERE), consumer_of(Effects())

    async def broken(_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(consumer, "_process", broken)
    kafka.records[HERE] = records("a")
    consumer._poll(kafka)
    await all_done(consumer)

    with pytest.raises(RuntimeError, match="reading them again"):
        consumer._poll(kafka)
    consumer._poll(kafka)  # once is enough
    assert kafka.commits == []


async def test_while_closing_nothing_new_is_begun() -> None:
    kafka, effects = FakeKafka(HERE), Effects()
    consumer = consumer_of(effects)
    consumer._closing.set()
    kafka.records[HERE] = records("a")
    consumer._poll(kafka)
    await all_done(consumer)
    consumer._poll(kafka)

    assert effects.calls == []
    assert kafka.commits == []


async def test_closing_finishes_what_is_in_hand_and_commits_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kafka, begun, gate = FakeKafka(HERE), asyncio.Event(), asyncio.Event()
    kafka.records[HERE] = records("a")
    closed = threading.Event()
    for name, value in {
        "subscribe": lambda _: None,
        "close": lambda **_: closed.set(),
    }.items():
        setattr(kafka, name, value)
    monkeypatch.setattr(clients, "KafkaConsumer", lambda **_: kafka)
    monkeypatch.setattr(clients, "refresh_when_redirected", lambda _: None)
    monkeypatch.setattr(clients, "wait_when_overdue", lambda _: None)

    async def handle(_: list[Event]) -> None:
        begun.set()
        await gate.wait()

    async with consumer_of(handle).running():
        await begun.wait()
        asyncio.get_running_loop().call_soon(gate.set)

    assert kafka.commits == [{HERE: 1}]
    assert closed.is_set()
