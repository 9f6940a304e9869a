from __future__ import annotations

import asyncio
import threading
from typing import Any

import pybreaker
import pytest

from chassis.resilience import (
    BreakerOpen,
    BreakerPolicy,
    BulkheadFull,
    CircuitBreaker,
    CircuitBreakerError,
    CircuitBreakerListener,
    Event,
)
from tests.unit.chassis.resilience.clock import FakeClock

POLICY = BreakerPolicy(min_calls=4, slow_call_seconds=1.0, jitter=0.0)


class Declined(Exception):
    """An answer that is no failure of the peer."""


class Script(CircuitBreakerListener):
    """Writes down what a listener hears."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def before_call(self, cb: Any, func: Any, *args: Any, **kwargs: Any) -> None:
        self.heard.append("before")

    def failure(self, cb: Any, exc: BaseException) -> None:
        self.heard.append(f"failure {exc}")

    def success(self, cb: Any) -> None:
        self.heard.append("success")

    def state_change(self, cb: Any, old_state: Any, new_state: Any) -> None:
        self.heard.append(f"{old_state.name} to {new_state.name}")


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def breaker(clock: FakeClock) -> CircuitBreaker:
    return CircuitBreaker("acquirer", POLICY, exclude=[Declined], clock=clock)


async def answer() -> str:
    await asyncio.sleep(0)
    return "paid"


async def fail(error: BaseException | None = None) -> str:
    await asyncio.sleep(0)
    raise error or ConnectionError("refused")


async def trip(breaker: CircuitBreaker) -> None:
    for _ in range(POLICY.min_calls):
        with pytest.raises(ConnectionError):
            await breaker.run(fail)
    assert breaker.current_state == pybreaker.STATE_OPEN


# the entries


async def test_failures_of_awaited_calls_count(breaker: CircuitBreaker) -> None:
    """pybreaker: `await breaker.call(async_fn)` saw four errors and counted none."""
    await trip(breaker)
    with pytest.raises(BreakerOpen):
        await breaker.run(answer)


async def test_around_a_block(breaker: CircuitBreaker) -> None:
    for _ in range(POLICY.min_calls):
        with pytest.raises(ConnectionError):
            async with breaker.guard():
                await fail()
    with pytest.raises(BreakerOpen):
        async with breaker.guard():
            pytest.fail("must not get here")


async def test_as_a_decorator_of_either_kind(breaker: CircuitBreaker) -> None:
    @breaker
    async def charge(amount: int) -> int:
        return amount

    @breaker
    def charge_blocking(amount: int) -> int:
        return amount

    assert await charge(5) == 5
    assert charge_blocking(6) == 6
    breaker.open()
    with pytest.raises(BreakerOpen):
        await charge(5)
    with pytest.raises(BreakerOpen):
        charge_blocking(6)


async def test_pybreakers_name_for_the_asynchronous_call_needs_no_tornado(
    breaker: CircuitBreaker,
) -> None:
    assert await breaker.call_async(answer) == "paid"


def test_blocking_calls(breaker: CircuitBreaker) -> None:
    assert breaker.call(str.upper, "paid") == "PAID"
    for _ in range(POLICY.min_calls - 1):
        with pytest.raises(ZeroDivisionError), breaker.calling():
            _ = 1 // 0
    with pytest.raises(BreakerOpen):
        breaker.call(str.upper, "paid")


async def test_an_asynchronous_function_at_the_blocking_entry_is_a_mistake_said_aloud(
    breaker: CircuitBreaker,
) -> None:
    with pytest.raises(TypeError, match="run"):
        await breaker.call(answer)


# what counts


async def test_the_call_that_trips_it_raises_its_own_failure(breaker: CircuitBreaker) -> None:
    await trip(breaker)  # in it, each call raised ConnectionError, the last one too


async def test_an_excluded_error_is_a_success(breaker: CircuitBreaker) -> None:
    for _ in range(20):
        with pytest.raises(Declined):
            await breaker.run(fail, Declined())
    assert breaker.current_state == pybreaker.STATE_CLOSED
    assert breaker.fail_counter == 0


async def test_two_disconnects_of_clients_do_not_open_it(clock: FakeClock) -> None:
    """pybreaker: CancelledError is a failure to it, and two opened a breaker of fail_max=2."""
    breaker = CircuitBreaker("acquirer", BreakerPolicy(min_calls=2), clock=clock)
    for _ in range(2):
        task = asyncio.create_task(breaker.run(asyncio.Event().wait))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert breaker.current_state == pybreaker.STATE_CLOSED
    assert breaker.fail_counter == 0


async def test_a_refusal_further_in_is_no_failure_of_the_peer(breaker: CircuitBreaker) -> None:
    for _ in range(20):
        with pytest.raises(BulkheadFull):
            await breaker.run(fail, BulkheadFull("full"))
    assert breaker.current_state == pybreaker.STATE_CLOSED


async def test_slow_answers_open_it(breaker: CircuitBreaker, clock: FakeClock) -> None:
    for _ in range(POLICY.min_calls):
        async with breaker.guard():
            clock.advance(1.0)
    assert breaker.current_state == pybreaker.STATE_OPEN


# half-open


async def test_of_fifty_probes_at_once_only_the_permitted_pass(
    breaker: CircuitBreaker, clock: FakeClock
) -> None:
    """pybreaker let all fifty through."""
    await trip(breaker)
    clock.advance(POLICY.open_seconds)
    begun = 0
    finish = asyncio.Event()

    async def probe() -> None:
        nonlocal begun
        begun += 1
        await finish.wait()

    tasks = [asyncio.create_task(breaker.run(probe)) for _ in range(50)]
    while sum(task.done() for task in tasks) < 50 - POLICY.permits:
        await asyncio.sleep(0)
    assert begun == POLICY.permits
    finish.set()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert sum(isinstance(result, BreakerOpen) for result in results) == 50 - POLICY.permits
    assert breaker.current_state == pybreaker.STATE_CLOSED


async def test_cancelled_probes_give_their_permits_back(
    breaker: CircuitBreaker, clock: FakeClock
) -> None:
    await trip(breaker)
    clock.advance(POLICY.open_seconds)
    for _ in range(10):
        task = asyncio.create_task(breaker.run(asyncio.Event().wait))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert breaker.current_state == pybreaker.STATE_HALF_OPEN
    assert await breaker.run(answer) == "paid"
    assert breaker.success_counter == 1


async def test_it_says_when_to_come_back(breaker: CircuitBreaker, clock: FakeClock) -> None:
    await trip(breaker)
    clock.advance(2.0)
    with pytest.raises(BreakerOpen) as refused:
        await breaker.run(answer)
    assert refused.value.retry_after == 3.0
    assert "acquirer" in str(refused.value)


# what is kept of pybreaker


async def test_it_is_a_pybreaker(breaker: CircuitBreaker) -> None:
    assert isinstance(breaker, pybreaker.CircuitBreaker)
    assert isinstance(breaker.state, pybreaker.CircuitClosedState)
    await trip(breaker)
    assert isinstance(breaker.state, pybreaker.CircuitOpenState)
    assert breaker.fail_counter == POLICY.min_calls
    with pytest.raises(CircuitBreakerError):
        await breaker.run(answer)


async def test_listeners_hear_what_pybreakers_hear(clock: FakeClock) -> None:
    script = Script()
    policy = BreakerPolicy(min_calls=1, permits=1)
    breaker = CircuitBreaker("acquirer", policy, listeners=[script], clock=clock)
    with pytest.raises(ConnectionError):
        await breaker.run(fail)
    with pytest.raises(BreakerOpen):
        await breaker.run(answer)
    clock.advance(policy.open_seconds)
    await breaker.run(answer)
    assert script.heard == [
        "before",
        "closed to open",
        "failure refused",
        "open to half-open",
        "before",
        "half-open to closed",
        "success",
    ]


async def test_a_listener_that_fails_takes_no_permit_with_it(clock: FakeClock) -> None:
    class Broken(CircuitBreakerListener):
        def before_call(self, cb: Any, func: Any, *args: Any, **kwargs: Any) -> None:
            raise RuntimeError("listener")

    breaker = CircuitBreaker("acquirer", POLICY, clock=clock)
    breaker.half_open()
    broken = Broken()
    breaker.add_listener(broken)
    for _ in range(10):
        with pytest.raises(RuntimeError, match="listener"):
            await breaker.run(answer)
    breaker.remove_listener(broken)
    assert await breaker.run(answer) == "paid"


async def test_by_hand(breaker: CircuitBreaker) -> None:
    breaker.open()
    with pytest.raises(BreakerOpen):
        await breaker.run(answer)
    breaker.half_open()
    assert await breaker.run(answer) == "paid"
    breaker.close()
    assert breaker.current_state == pybreaker.STATE_CLOSED


async def test_the_observer_is_told_states_and_refusals(clock: FakeClock) -> None:
    seen: list[Event] = []
    breaker = CircuitBreaker(
        "acquirer", BreakerPolicy(min_calls=1, permits=1), on_event=seen.append, clock=clock
    )
    with pytest.raises(ConnectionError):
        await breaker.run(fail)
    with pytest.raises(BreakerOpen):
        await breaker.run(answer)
    clock.advance(5.0)
    await breaker.run(answer)
    assert seen == [
        Event("acquirer", "breaker_state", 0),
        Event("acquirer", "breaker_state", 2),
        Event("acquirer", "breaker_rejected"),
        Event("acquirer", "breaker_state", 1),
        Event("acquirer", "breaker_state", 0),
    ]


# threads


def test_calls_of_several_threads_run_at_the_same_time(breaker: CircuitBreaker) -> None:
    """pybreaker holds its lock across the call: five threads of 0.2 s took 1.0 s."""
    together = threading.Barrier(5, timeout=10)  # passes only when all five are in the call
    threads = [threading.Thread(target=breaker.call, args=(together.wait,)) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not together.broken
    assert breaker.fail_counter == 0
