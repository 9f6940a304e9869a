"""Records as Kafka hands them over, consumers that see them, and effects that can fail."""

import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from chassis.bus.consumer import Consumer
from chassis.bus.event import Event
from chassis.bus.producer import BusUnavailable


@dataclass
class Record:
    offset: int
    value: bytes
    key: bytes = b"17"
    topic: str = "orders"
    partition: int = 0


@dataclass
class Letters:
    """A producer that keeps what it is given; first fails as often as told."""

    failures: int = 0
    kept: list[tuple[bytes, dict[str, bytes]]] = field(default_factory=list)

    async def publish(self, records: Any, headers: Any) -> None:
        if self.failures:
            self.failures -= 1
            raise BusUnavailable
        self.kept += [(value, dict(headers)) for _, _, value in records]


def event(name: str) -> Event:
    return Event.about(str(uuid.uuid5(uuid.NAMESPACE_DNS, name)), "OrderPlaced", "17", {"n": name})


def records(*names: str, begin: int = 0) -> list[Record]:
    return [Record(begin + i, event(name).encode()) for i, name in enumerate(names)]


def consumer_of(
    handle: Callable[[list[Event]], Awaitable[None]],
    letters: Letters | None = None,
    concurrency: int = 1,
    batch: int = 200,
    commit_every: float = 0.0,
) -> Consumer:
    return Consumer(
        brokers="nowhere:9092",
        group="tests",
        topics=["orders"],
        handle=handle,
        producer=letters or Letters(),  # type: ignore[arg-type]
        client_id="tests-a-1",
        concurrency=concurrency,
        batch=batch,
        commit_every=commit_every,
    )


class Effects:
    """Handles events and remembers their names; `wrong` says what to raise for whom."""

    def __init__(self, wrong: Callable[[str], Exception | None] = lambda _: None) -> None:
        self.wrong = wrong
        self.done: list[str] = []
        self.calls: list[list[str]] = []

    async def __call__(self, events: list[Event]) -> None:
        names = [e.data["n"] for e in events]
        self.calls.append(names)
        for name in names:
            if error := self.wrong(name):
                raise error
        self.done += names
