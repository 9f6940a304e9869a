from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.resilience import Deadline, DeadlineExceeded, current_deadline, remaining_or
from tests.unit.chassis.resilience.clock import FakeClock


def test_time_runs_out() -> None:
    clock = FakeClock()
    deadline = Deadline.after(2.0, clock)
    assert (deadline.remaining(), deadline.expired) == (2.0, False)
    clock.advance(1.5)
    assert (deadline.remaining(), deadline.expired) == (0.5, False)
    clock.advance(0.5)
    assert (deadline.remaining(), deadline.expired) == (0.0, True)
    clock.advance(5)
    assert (deadline.remaining(), deadline.expired) == (0.0, True)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("1500", 1.5),
        (" 250 ", 0.25),
        ("0", 0.0),
        ("999999999", 30.0),
        (None, 5.0),
        ("", 5.0),
        ("-1", 5.0),
        ("1.5", 5.0),
        ("1e3", 5.0),
        ("²", 5.0),
        ("1_000", 5.0),
        ("9" * 5000, 5.0),
    ],
)
def test_a_header_is_advice_within_bounds(header: str | None, seconds: float) -> None:
    deadline = Deadline.from_header(header, default=5.0, most=30.0, clock=FakeClock())
    assert deadline.remaining() == pytest.approx(seconds)


def test_the_default_too_is_within_bounds() -> None:
    assert Deadline.from_header(None, default=5.0, most=1.0, clock=FakeClock()).remaining() == 1.0


@given(st.floats(min_value=0, max_value=3600))
def test_a_hop_never_hands_on_more_than_it_has(seconds: float) -> None:
    clock = FakeClock()
    here = Deadline.after(seconds, clock)
    there = Deadline.from_header(here.to_header(), default=1e9, most=1e9, clock=clock)
    assert there.remaining() <= here.remaining() + 1e-9
    assert there.remaining() > here.remaining() - 0.0011


def test_a_passed_deadline_hands_on_nothing() -> None:
    clock = FakeClock()
    deadline = Deadline.after(0.1, clock)
    clock.advance(1)
    assert deadline.to_header() == "0"


def test_without_a_deadline_the_default_counts() -> None:
    assert remaining_or(7.0) == 7.0


async def test_within_a_block_the_deadline_is_the_current_one() -> None:
    clock = FakeClock()
    async with Deadline.after(3.0, clock).enforce():
        assert remaining_or(7.0) == 3.0
        clock.advance(1.0)
        assert remaining_or(7.0) == 2.0
    assert current_deadline.get() is None


async def test_a_block_that_takes_too_long_is_ended() -> None:
    with pytest.raises(DeadlineExceeded):
        async with Deadline.after(0.01).enforce():
            await asyncio.Event().wait()
    assert current_deadline.get() is None


async def test_a_passed_deadline_does_not_even_begin() -> None:
    began = False
    with pytest.raises(DeadlineExceeded):
        async with Deadline.after(-1).enforce():
            began = True
    assert not began


async def test_the_blocks_own_timeout_stays_its_own() -> None:
    with pytest.raises(TimeoutError) as caught:
        async with Deadline.after(60).enforce():
            raise TimeoutError("of a socket")
    assert not isinstance(caught.value, DeadlineExceeded)


async def test_cancellation_goes_through_as_cancellation() -> None:
    inside = asyncio.Event()

    async def work() -> None:
        async with Deadline.after(60).enforce():
            inside.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(work())
    await inside.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_an_inner_deadline_cannot_win_time_back() -> None:
    clock = FakeClock()
    async with Deadline.after(1.0, clock).enforce(), Deadline.after(60.0, clock).enforce() as inner:
        assert inner.remaining() == 1.0
        assert remaining_or(7.0) == 1.0


async def test_a_deadline_that_is_only_set_further_out_is_enforced_from_here() -> None:
    token = current_deadline.set(Deadline.after(0.01))
    try:
        with pytest.raises(DeadlineExceeded):
            async with Deadline.after(60.0).enforce():
                await asyncio.Event().wait()
    finally:
        current_deadline.reset(token)


async def test_an_inner_deadline_may_be_earlier_and_ends_only_its_own_block() -> None:
    clock = FakeClock()
    async with Deadline.after(60.0, clock).enforce():
        with pytest.raises(DeadlineExceeded):
            async with Deadline.after(0.01).enforce():
                await asyncio.Event().wait()
        assert remaining_or(7.0) == 60.0


async def test_tasks_inherit_the_deadline() -> None:
    clock = FakeClock()

    async def left() -> float:
        return remaining_or(7.0)

    async with Deadline.after(3.0, clock).enforce():
        assert await asyncio.create_task(left()) == 3.0
