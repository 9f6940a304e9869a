import asyncio

import pytest

from chassis.lifecycle import Lifecycle, background, startup
from chassis.problems import Unavailable


def test_ready_only_once_every_step_is_done() -> None:
    life = Lifecycle()
    reasons = [life.reason]
    life.wait_for("migrate")
    life.wait_for("warm")
    reasons.append(life.reason)
    life.done("migrate")
    reasons.append(life.reason)
    life.done("warm")
    assert reasons == ["ready", "starting: migrate, warm", "starting: warm"]
    assert life.ready


def test_a_draining_process_is_not_ready_again() -> None:
    life = Lifecycle()
    life.draining = True
    life.done("late")
    assert not life.ready
    assert life.reason == "draining"


async def test_a_failing_step_is_tried_until_it_works() -> None:
    life = Lifecycle()
    tries = 0
    worked = asyncio.Event()

    async def work() -> None:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise OSError("not there yet")
        worked.set()

    async with startup(life, "connect", work):
        assert life.reason == "starting: connect"
        await asyncio.wait_for(worked.wait(), 5)
        await asyncio.sleep(0)
        assert life.ready
    assert tries == 3


async def test_background_work_ends_with_its_block() -> None:
    ended = asyncio.Event()
    begun = asyncio.Event()

    async def forever() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async with background("forever", forever):
        await begun.wait()
    assert ended.is_set()


@pytest.mark.parametrize("error", [Unavailable("Postgres: away"), ZeroDivisionError()])
async def test_work_that_fails_when_it_is_cancelled_is_not_begun_again(error: Exception) -> None:
    begun = asyncio.Event()
    times = 0

    async def fails_at_the_end() -> None:
        nonlocal times
        times += 1
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            raise error

    async with asyncio.timeout(5):
        async with background("fails-at-the-end", fails_at_the_end):
            await begun.wait()
    assert times == 1


async def test_what_comes_after_a_step_waits_for_it() -> None:
    life = Lifecycle()
    life.wait_for("migrate")
    taken: list[int] = []

    async def take(n: int) -> int:
        taken.append(n)
        return n

    early = asyncio.create_task(life.after("migrate", take)(7))
    await asyncio.sleep(0)
    assert taken == []
    life.done("migrate")
    assert await early == 7
    assert await life.after("migrate", take)(8) == 8
