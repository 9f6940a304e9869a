"""The consumer on a real Kafka. What it decides is in tests/unit/chassis/bus."""

import asyncio
import uuid
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from chassis.bus.consumer import Consumer
from chassis.bus.event import Event
from chassis.bus.producer import Producer
from tests.integration.bus import speaking

pytestmark = pytest.mark.timeout(120)


class Seen:
    """Handles events: keeps the numbers by key, in the order in which they came."""

    def __init__(self, run: str) -> None:
        self.run = run
        self.numbers: dict[str, list[int]] = defaultdict(list)
        self.count = 0

    async def __call__(self, events: list[Event]) -> None:
        await asyncio.sleep(0.005)  # so that partitions are paused while others go on
        for event in events:
            if event.data["run"] == self.run:
                self.numbers[event.key].append(event.data["n"])
                self.count += 1

    async def has(self, count: int) -> None:
        async with asyncio.timeout(60):
            while self.count < count:
                await asyncio.sleep(0.05)


@asynccontextmanager
async def consuming(kafka: str, group: str, seen: Seen, **options: Any) -> AsyncIterator[None]:
    async with Producer.open(kafka, "tests") as producer:
        consumer = Consumer(
            brokers=kafka,
            group=group,
            topics=["payments"],
            handle=seen,
            producer=producer,
            client_id="tests-a-1",
            **options,
        )
        async with consumer.running():
            yield


def events(run: str, keys: int, each: int) -> list[Event]:
    return [
        Event(str(uuid.uuid4()), "Numbered", f"{run}-{k}", {"run": run, "n": n, "order_id": ""})
        for n in range(each)
        for k in range(keys)
    ]


async def test_a_backlog_of_many_batches_is_handled_in_order_and_to_its_end(kafka: str) -> None:
    """Partitions with records left over from a poll must not stand still."""
    run = uuid.uuid4().hex
    with speaking(kafka) as bus:
        bus.publish("payments", *events(run, keys=40, each=100))
    seen = Seen(run)

    async with consuming(kafka, run, seen, batch=50):
        await seen.has(4_000)

    assert set(map(tuple, seen.numbers.values())) == {tuple(range(100))}


async def test_who_comes_after_goes_on_where_the_last_one_stopped(kafka: str) -> None:
    run = uuid.uuid4().hex
    with speaking(kafka) as bus:
        bus.publish("payments", *events(run, keys=10, each=10))
        first, second = Seen(run), Seen(run)
        async with consuming(kafka, run, first, concurrency=8):
            await first.has(100)
        bus.publish("payments", *events(run, keys=1, each=1))

        async with consuming(kafka, run, second):
            await second.has(1)

    assert (first.count, second.count) == (100, 1)
