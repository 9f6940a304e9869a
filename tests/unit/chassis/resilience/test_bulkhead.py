from __future__ import annotations

import asyncio
import contextvars
import random
import threading

import pytest

from chassis.resilience import Bulkhead, BulkheadFull, Event


async def settle() -> None:
    """Lets every task that can run do so; nothing here takes more turns than these."""
    for _ in range(10):
        await asyncio.sleep(0)


class Visitor:
    """A task that stays in the bulkhead until told to leave."""

    def __init__(self, bulkhead: Bulkhead) -> None:
        self.inside = False
        self.leave = asyncio.Event()
        self.task = asyncio.create_task(self._visit(bulkhead))

    async def _visit(self, bulkhead: Bulkhead) -> None:
        async with bulkhead:
            self.inside = True
            await self.leave.wait()


async def test_so_many_and_no_more() -> None:
    bulkhead = Bulkhead(2)
    async with bulkhead, bulkhead:
        assert bulkhead.in_use == 2
        with pytest.raises(BulkheadFull) as refused:
            async with bulkhead:
                pytest.fail("must not get here")
        assert refused.value.retry_after == 1.0
    assert bulkhead.in_use == 0


async def test_a_failure_inside_gives_the_place_back() -> None:
    bulkhead = Bulkhead(1)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            async with bulkhead:
                _ = 1 // 0
    assert bulkhead.in_use == 0


async def test_who_comes_when_the_queue_is_full_is_refused_at_once() -> None:
    bulkhead = Bulkhead(1, queue=1, queue_timeout=60)
    first, second = Visitor(bulkhead), Visitor(bulkhead)
    await settle()
    assert (bulkhead.in_use, bulkhead.waiting) == (1, 1)
    with pytest.raises(BulkheadFull, match="none left to wait in"):
        async with bulkhead:
            pytest.fail("must not get here")
    first.leave.set()
    second.leave.set()
    await asyncio.gather(first.task, second.task)
    assert (bulkhead.in_use, bulkhead.waiting) == (0, 0)


async def test_who_waits_too_long_is_refused() -> None:
    bulkhead = Bulkhead(1, queue=5, queue_timeout=0.01)
    async with bulkhead:
        with pytest.raises(BulkheadFull, match="too long"):
            async with bulkhead:
                pytest.fail("must not get here")
        assert (bulkhead.in_use, bulkhead.waiting) == (1, 0)
    assert bulkhead.in_use == 0


async def test_places_go_to_those_who_wait_in_their_order() -> None:
    bulkhead = Bulkhead(1, queue=10, queue_timeout=60)
    visitors = [Visitor(bulkhead) for _ in range(5)]
    for i, visitor in enumerate(visitors):
        await settle()
        assert [v.inside for v in visitors] == [True] * (i + 1) + [False] * (4 - i)
        visitor.leave.set()
    await asyncio.gather(*(v.task for v in visitors))


async def test_nobody_overtakes_in_the_instant_of_handing_over() -> None:
    bulkhead = Bulkhead(1, queue=1, queue_timeout=60)
    await bulkhead.__aenter__()
    waiting = Visitor(bulkhead)
    await settle()
    await bulkhead.__aexit__(None, None, None)  # handed over; who waited has not run yet
    assert (waiting.inside, bulkhead.in_use) == (False, 1)
    newcomer = Visitor(bulkhead)
    await settle()
    assert (waiting.inside, newcomer.inside) == (True, False)
    waiting.leave.set()
    newcomer.leave.set()
    await asyncio.gather(waiting.task, newcomer.task)


async def test_who_gives_up_waiting_leaves_the_queue() -> None:
    bulkhead = Bulkhead(1, queue=1, queue_timeout=60)
    first, second = Visitor(bulkhead), Visitor(bulkhead)
    await settle()
    second.task.cancel()
    await settle()
    third = Visitor(bulkhead)
    await settle()
    assert bulkhead.waiting == 1
    first.leave.set()
    await settle()
    assert third.inside
    third.leave.set()
    await third.task
    assert second.task.cancelled()
    assert bulkhead.in_use == 0


async def test_a_place_handed_to_someone_who_is_just_cancelled_is_not_lost() -> None:
    bulkhead = Bulkhead(1, queue=2, queue_timeout=60)
    first, second, third = (Visitor(bulkhead) for _ in range(3))
    await settle()
    first.leave.set()
    while not first.task.done():
        await asyncio.sleep(0)
    second.task.cancel()  # may have been handed the place, and may not have seen it yet
    await settle()
    assert third.inside
    third.leave.set()
    await third.task
    assert bulkhead.in_use == 0


@pytest.mark.parametrize("turns", range(5))
async def test_a_cancellation_at_any_turn_loses_no_place(turns: int) -> None:
    bulkhead = Bulkhead(1, queue=3, queue_timeout=60)
    visitors = [Visitor(bulkhead) for _ in range(4)]
    await settle()
    visitors[0].leave.set()
    for _ in range(turns):
        await asyncio.sleep(0)
    visitors[1].task.cancel()
    visitors[2].leave.set()
    visitors[3].leave.set()
    await asyncio.gather(*(v.task for v in visitors), return_exceptions=True)
    assert (bulkhead.in_use, bulkhead.waiting) == (0, 0)
    assert visitors[3].inside


async def test_a_storm_of_visits_and_cancellations_never_exceeds_the_limit() -> None:
    chance = random.Random(7)
    bulkhead = Bulkhead(3, queue=10, queue_timeout=60)
    inside = most = 0

    async def visit() -> None:
        nonlocal inside, most
        async with bulkhead:
            inside += 1
            most = max(most, inside)
            try:
                for _ in range(chance.randrange(5)):
                    await asyncio.sleep(0)
            finally:
                inside -= 1

    tasks = []
    for _ in range(500):
        tasks.append(asyncio.create_task(visit()))
        if chance.random() < 0.3:
            chance.choice(tasks).cancel()
        if chance.random() < 0.5:
            await asyncio.sleep(0)
    await asyncio.gather(*tasks, return_exceptions=True)
    assert most == 3
    assert (inside, bulkhead.in_use, bulkhead.waiting) == (0, 0, 0)


@pytest.mark.parametrize(("limit", "queue", "seconds"), [(0, 0, 1.0), (1, -1, 1.0), (1, 0, -1.0)])
def test_a_bulkhead_that_could_not_work_is_refused(limit: int, queue: int, seconds: float) -> None:
    with pytest.raises(ValueError, match="place"):
        Bulkhead(limit, queue, seconds)


async def test_the_observer_is_told_places_waiting_and_refusals() -> None:
    seen: list[Event] = []
    bulkhead = Bulkhead(1, queue=1, queue_timeout=60, name="argon2", on_event=seen.append)
    first, second = Visitor(bulkhead), Visitor(bulkhead)
    await settle()
    with pytest.raises(BulkheadFull):
        await bulkhead.__aenter__()
    first.leave.set()
    second.leave.set()
    await asyncio.gather(first.task, second.task)
    assert seen == [
        Event("argon2", "bulkhead_in_use", 1),
        Event("argon2", "bulkhead_waiting", 1),
        Event("argon2", "bulkhead_rejected"),
        Event("argon2", "bulkhead_waiting", 0),
        Event("argon2", "bulkhead_in_use", 0),
    ]


# blocking work


async def test_blocking_work_runs_in_threads_of_its_own() -> None:
    bulkhead = Bulkhead(2, name="argon2")
    name = await bulkhead.run_in_thread(lambda: threading.current_thread().name)
    assert name.startswith("argon2")
    assert bulkhead.in_use == 0
    bulkhead.close()


async def test_blocking_work_sees_the_callers_context() -> None:
    request = contextvars.ContextVar("request", default="none")
    request.set("r-1")
    bulkhead = Bulkhead(1)
    assert await bulkhead.run_in_thread(request.get) == "r-1"
    bulkhead.close()


async def test_a_failure_of_blocking_work_is_the_callers() -> None:
    bulkhead = Bulkhead(1)
    with pytest.raises(ZeroDivisionError):
        await bulkhead.run_in_thread(divmod, 1, 0)
    assert bulkhead.in_use == 0
    bulkhead.close()


async def test_work_whose_caller_left_keeps_its_place_until_it_ends() -> None:
    """A thread cannot be stopped: freeing its place early would let ever more of them pile up."""
    bulkhead = Bulkhead(1)
    running, finish = threading.Event(), threading.Event()

    def work() -> None:
        running.set()
        finish.wait(10)

    task = asyncio.create_task(bulkhead.run_in_thread(work))
    while not running.is_set():
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert bulkhead.in_use == 1
    with pytest.raises(BulkheadFull):
        await bulkhead.run_in_thread(work)
    finish.set()
    while bulkhead.in_use:
        await asyncio.sleep(0)
    bulkhead.close()


async def test_a_closed_one_makes_new_threads_when_asked_again() -> None:
    bulkhead = Bulkhead(1)
    assert await bulkhead.run_in_thread(int, "1") == 1
    bulkhead.close()
    bulkhead.close()
    assert await bulkhead.run_in_thread(int, "2") == 2
    bulkhead.close()
