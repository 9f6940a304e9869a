from __future__ import annotations

import asyncio

import pybreaker
import pytest

from chassis.resilience import (
    BreakerOpen,
    BreakerPolicy,
    Bulkhead,
    BulkheadFull,
    CircuitBreaker,
    Deadline,
    DeadlineExceeded,
    Event,
    Guard,
    Retry,
    RetryBudget,
    current_deadline,
)
from tests.unit.chassis.resilience.clock import FakeClock


class Peer:
    """Answers the first calls by the script, later ones well. None in it is an answer."""

    def __init__(self, *script: Exception | None) -> None:
        self.calls = 0
        self._script = list(script)

    async def __call__(self, amount: int = 1) -> int:
        self.calls += 1
        await asyncio.sleep(0)
        error = self._script.pop(0) if self._script else None
        if error is not None:
            raise error
        return amount


async def hang() -> None:
    await asyncio.Event().wait()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def retry(clock: FakeClock, budget: RetryBudget | None = None) -> Retry:
    return Retry(clock=clock, sleep=clock.sleep, budget=budget)


def breaker(clock: FakeClock, min_calls: int = 10) -> CircuitBreaker:
    return CircuitBreaker("acquirer", BreakerPolicy(min_calls=min_calls), clock=clock)


async def test_without_guards_it_is_just_the_call() -> None:
    assert await Guard(name="acquirer")(Peer(), amount=5) == 5


async def test_each_attempt_is_judged_by_the_breaker(clock: FakeClock) -> None:
    peer = Peer(ConnectionError(), ConnectionError())
    circuit = breaker(clock)
    guard = Guard(name="acquirer", retry=retry(clock), breaker=circuit)
    assert await guard(peer) == 1
    assert (peer.calls, circuit.fail_counter) == (3, 2)


async def test_attempts_stop_when_the_breaker_opens(clock: FakeClock) -> None:
    peer = Peer(*[ConnectionError()] * 9)
    guard = Guard(name="acquirer", retry=retry(clock), breaker=breaker(clock, min_calls=2))
    with pytest.raises(BreakerOpen):
        await guard(peer)
    assert peer.calls == 2


async def test_a_call_holds_one_place_for_all_its_attempts(clock: FakeClock) -> None:
    seen: list[Event] = []
    guard = Guard(name="acquirer", bulkhead=Bulkhead(1, on_event=seen.append), retry=retry(clock))
    assert await guard(Peer(ConnectionError(), ConnectionError())) == 1
    assert [event.value for event in seen] == [1, 0]


async def test_without_a_place_neither_breaker_nor_peer_is_asked(clock: FakeClock) -> None:
    bulkhead, peer, circuit = Bulkhead(1), Peer(), breaker(clock)
    circuit.half_open()
    guard = Guard(name="acquirer", bulkhead=bulkhead, breaker=circuit)
    async with bulkhead:
        with pytest.raises(BulkheadFull):
            await guard(peer)
    assert peer.calls == 0
    for _ in range(2):
        await guard(peer)
    assert circuit.current_state == pybreaker.STATE_CLOSED


async def test_an_attempt_that_hangs_is_a_failure_to_breaker_and_retry(clock: FakeClock) -> None:
    circuit = breaker(clock)
    guard = Guard(name="acquirer", attempt_seconds=0.01, retry=retry(clock), breaker=circuit)
    with pytest.raises(TimeoutError) as caught:
        await guard(hang)
    assert not isinstance(caught.value, DeadlineExceeded)
    assert circuit.fail_counter == 3


async def test_the_deadline_ends_all_and_is_told() -> None:
    seen: list[Event] = []
    bulkhead = Bulkhead(1)
    guard = Guard(name="acquirer", seconds=0.01, bulkhead=bulkhead, on_event=seen.append)
    with pytest.raises(DeadlineExceeded):
        await guard(hang)
    assert seen == [Event("acquirer", "deadline_exceeded")]
    assert bulkhead.in_use == 0


async def test_waiting_for_a_place_spends_the_deadline_too() -> None:
    bulkhead = Bulkhead(1, queue=1, queue_timeout=60)
    async with bulkhead:
        with pytest.raises(DeadlineExceeded):
            await Guard(name="acquirer", seconds=0.01, bulkhead=bulkhead)(Peer())
        assert bulkhead.waiting == 0


async def test_a_deadline_set_further_out_is_kept(clock: FakeClock) -> None:
    deadline = Deadline.after(1.0, clock)
    token = current_deadline.set(deadline)

    async def left() -> float:
        inner = current_deadline.get()
        assert inner is not None
        return inner.remaining()

    try:
        assert await Guard(name="acquirer")(left) == 1.0
        assert await Guard(name="acquirer", seconds=60)(left) == 1.0
        clock.advance(1.0)
        peer = Peer()
        for guard in (Guard(name="acquirer"), Guard(name="acquirer", seconds=60)):
            with pytest.raises(DeadlineExceeded):
                await guard(peer)
        assert peer.calls == 0
    finally:
        current_deadline.reset(token)


async def test_an_outage_costs_little_more_than_a_call_each(clock: FakeClock) -> None:
    peer = Peer(*[ConnectionError()] * 1000)
    guard = Guard(
        name="acquirer",
        bulkhead=Bulkhead(20, queue=200, queue_timeout=60),
        retry=retry(clock, RetryBudget()),
        breaker=breaker(clock, min_calls=1000),
    )
    results = await asyncio.gather(*(guard(peer) for _ in range(200)), return_exceptions=True)
    assert all(isinstance(result, ConnectionError) for result in results)
    assert 200 < peer.calls <= 240
