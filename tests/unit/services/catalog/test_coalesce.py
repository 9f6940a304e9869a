import asyncio
from contextvars import ContextVar

import pytest

from services.catalog.coalesce import Flights


class Source:
    """Work that waits until it is told to end, and counts how often it was begun."""

    def __init__(self) -> None:
        self.begun = 0
        self.end = asyncio.Event()

    async def work(self) -> str:
        self.begun += 1
        await self.end.wait()
        return f"answer {self.begun}"


async def test_of_many_at_once_one_works_and_all_have_the_answer() -> None:
    source, flights = Source(), Flights[str]()
    callers = [asyncio.create_task(flights.join("a", source.work)) for _ in range(50)]
    await asyncio.sleep(0)
    source.end.set()

    assert await asyncio.gather(*callers) == ["answer 1"] * 50
    assert source.begun == 1


async def test_other_keys_do_not_wait_for_each_other() -> None:
    slow, quick, flights = Source(), Source(), Flights[str]()
    waiting = asyncio.create_task(flights.join("slow", slow.work))
    quick.end.set()

    assert await flights.join("quick", quick.work) == "answer 1"
    assert not waiting.done()
    slow.end.set()
    await waiting


async def test_who_comes_after_the_end_begins_anew() -> None:
    source, flights = Source(), Flights[str]()
    source.end.set()

    assert await flights.join("a", source.work) == "answer 1"
    assert await flights.join("a", source.work) == "answer 2"


async def test_a_failure_reaches_all_who_wait_and_is_not_remembered() -> None:
    flights = Flights[str]()
    source = Source()
    source.end.set()

    async def fail() -> str:
        raise OSError("away")

    callers = [asyncio.create_task(flights.join("a", fail)) for _ in range(3)]
    for caller in callers:
        with pytest.raises(OSError, match="away"):
            await caller
    assert await flights.join("a", source.work) == "answer 1"


async def test_a_caller_who_gives_up_takes_nothing_from_the_others() -> None:
    source, flights = Source(), Flights[str]()
    first = asyncio.create_task(flights.join("a", source.work))
    second = asyncio.create_task(flights.join("a", source.work))
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    source.end.set()

    assert await second == "answer 1"
    assert source.begun == 1


async def test_the_work_runs_in_no_callers_context() -> None:
    flights = Flights[str]()
    deadline: ContextVar[str] = ContextVar("deadline", default="none")
    deadline.set("the caller's")

    async def work() -> str:
        return deadline.get()

    assert await flights.join("a", work) == "none"


async def test_closing_gives_up_what_is_under_way() -> None:
    source, flights = Source(), Flights[str]()
    task = flights.start("a", source.work)
    await asyncio.sleep(0)

    await flights.aclose()

    assert task.cancelled()
