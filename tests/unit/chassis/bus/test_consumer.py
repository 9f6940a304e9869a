import asyncio

import pytest

from chassis.bus.event import Event
from chassis.bus.producer import BusUnavailable
from chassis.context import current_request
from chassis.resilience import BreakerOpen
from chassis.store.errors import StoreLocked
from tests.unit.chassis.bus.records import Effects, Letters, Record, consumer_of, event, records


async def test_a_batch_is_one_call() -> None:
    effects = Effects()

    await consumer_of(effects)._process(records("a", "b", "c"))

    assert effects.calls == [["a", "b", "c"]]


async def test_handling_is_part_of_the_events_trace() -> None:
    placed, seen = event("a"), []

    async def handle(_: list[Event]) -> None:
        seen.append(current_request.get())

    await consumer_of(handle)._process([Record(0, placed.encode())])

    assert seen[0] is not None
    assert seen[0].trace.trace_id in placed.traceparent
    assert current_request.get() is None


async def test_poison_is_a_dead_letter_after_three_tries() -> None:
    letters, effects = Letters(), Effects(lambda _: ValueError("bad seat"))
    record = Record(41, event("a").encode(), partition=3)

    await consumer_of(effects, letters)._process([record])

    assert effects.calls == [["a"]] * 3
    assert letters.kept == [
        (
            record.value,
            {
                "source_topic": b"orders",
                "source_partition": b"3",
                "source_offset": b"41",
                "group": b"tests",
                "error": b"ValueError: bad seat",
                "tries": b"3",
            },
        )
    ]


async def test_what_fails_once_is_no_dead_letter() -> None:
    failures = [ValueError("once")]
    letters, effects = Letters(), Effects(lambda _: failures.pop() if failures else None)

    await consumer_of(effects, letters)._process(records("a"))

    assert effects.done == ["a"]
    assert letters.kept == []


async def test_one_bad_in_a_batch_does_not_hold_up_the_others() -> None:
    letters = Letters()
    effects = Effects(lambda name: ValueError("bad") if name == "b" else None)

    await consumer_of(effects, letters)._process(records("a", "b", "c"))

    assert effects.done == ["a", "c"]
    assert [Event.decode(b"17", value).data["n"] for value, _ in letters.kept] == ["b"]


async def test_what_is_no_event_is_a_dead_letter_at_once_and_the_others_go_on() -> None:
    letters, effects = Letters(), Effects()
    batch = [*records("a"), Record(1, b"no event"), *records("c", begin=2)]

    await consumer_of(effects, letters)._process(batch)

    assert effects.calls == [["a", "c"]]
    assert [(v, h["tries"]) for v, h in letters.kept] == [(b"no event", b"1")]


async def test_only_dead_letters_is_no_call() -> None:
    letters, effects = Letters(), Effects()

    await consumer_of(effects, letters)._process([Record(0, b"")])

    assert effects.calls == []
    assert len(letters.kept) == 1


@pytest.mark.parametrize(
    "away",
    [
        BusUnavailable(),
        BreakerOpen("held back"),
        ConnectionResetError(),
        TimeoutError(),
        StoreLocked(),
    ],
    ids=lambda e: type(e).__name__,
)
async def test_while_something_is_away_the_event_waits_and_is_no_dead_letter(
    away: Exception,
) -> None:
    failures = [away] * 20
    letters, effects = Letters(), Effects(lambda _: failures.pop() if failures else None)

    await consumer_of(effects, letters)._process(records("a", "b"))

    assert effects.done == ["a", "b"]
    assert effects.calls == [["a", "b"]] * 21
    assert letters.kept == []


async def test_tries_are_not_used_up_by_waiting() -> None:
    script: list[Exception | None] = [ValueError("1"), *[TimeoutError()] * 9, ValueError("2"), None]
    letters, effects = Letters(), Effects(lambda _: script.pop(0))

    await consumer_of(effects, letters)._process(records("a"))

    assert effects.done == ["a"]
    assert letters.kept == []


async def test_a_dead_letter_waits_for_kafka() -> None:
    letters = Letters(failures=5)

    await consumer_of(Effects(), letters)._process([Record(0, b"no event")])

    assert len(letters.kept) == 1


async def test_cancelling_is_no_failure_of_the_record() -> None:
    letters, begun = Letters(), asyncio.Event()

    async def handle(_: list[Event]) -> None:
        begun.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(consumer_of(handle, letters)._process(records("a")))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert letters.kept == []
