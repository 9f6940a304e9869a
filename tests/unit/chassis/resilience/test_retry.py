from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.resilience import (
    BreakerOpen,
    BulkheadFull,
    Deadline,
    DeadlineExceeded,
    Event,
    ResilienceError,
    Retry,
    RetryBudget,
)
from tests.unit.chassis.resilience.clock import FakeClock

ALMOST_ONE = 1.0 - 2**-53


class Flaky:
    """Fails so many times, then answers."""

    def __init__(self, failures: int, error: BaseException | None = None) -> None:
        self.calls = 0
        self._failures = failures
        self._error = error or ConnectionError("reset")

    async def __call__(self, answer: str = "done") -> str:
        self.calls += 1
        await asyncio.sleep(0)
        if self.calls <= self._failures:
            raise self._error
        return answer


class Busy(Exception):
    def __init__(self, retry_after: object) -> None:
        super().__init__("come back later")
        self.retry_after = retry_after


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def policy(clock: FakeClock, **changes: object) -> Retry:
    made = Retry(clock=clock, sleep=clock.sleep, rand=lambda: ALMOST_ONE, budget=None)
    return dataclasses.replace(made, **changes)  # type: ignore[arg-type]  # fields by name


async def test_tries_again_until_it_works(clock: FakeClock) -> None:
    peer = Flaky(2)
    assert await policy(clock)(peer, "ticket") == "ticket"
    assert peer.calls == 3


async def test_gives_the_last_failure_as_it_was(clock: FakeClock) -> None:
    peer = Flaky(99)
    with pytest.raises(ConnectionError, match="reset"):
        await policy(clock)(peer)
    assert peer.calls == 3


async def test_one_attempt_is_no_retry(clock: FakeClock) -> None:
    peer = Flaky(99)
    with pytest.raises(ConnectionError):
        await policy(clock, attempts=1)(peer)
    assert (peer.calls, clock.slept) == (1, [])


async def test_other_failures_are_not_retried(clock: FakeClock) -> None:
    peer = Flaky(99, ValueError("declined"))
    with pytest.raises(ValueError, match="declined"):
        await policy(clock)(peer)
    assert peer.calls == 1


async def test_as_a_decorator_it_keeps_name_and_arguments(clock: FakeClock) -> None:
    peer = Flaky(1)

    @policy(clock).wraps
    async def buy(seat: int, *, show: str) -> str:
        """Buys."""
        return await peer(f"{seat} {show}")

    assert await buy(4, show="Hamlet") == "4 Hamlet"
    assert (buy.__name__, buy.__doc__) == ("buy", "Buys.")


async def test_a_lambda_that_returns_an_awaitable_is_retried_as_well(clock: FakeClock) -> None:
    peer = Flaky(1)
    fetch: Callable[[], Awaitable[str]] = lambda: peer("seen")  # noqa: E731 - the case at hand
    assert await policy(clock)(fetch) == "seen"
    assert peer.calls == 2


# the pauses


async def test_pauses_grow_to_the_cap(clock: FakeClock) -> None:
    with pytest.raises(ConnectionError):
        await policy(clock, attempts=8)(Flaky(99))
    assert clock.slept == pytest.approx([0.05, 0.1, 0.2, 0.4, 0.8, 1.0, 1.0])


@given(st.floats(min_value=0, max_value=1, exclude_max=True))
def test_pauses_are_jittered_over_their_whole_length(chance: float) -> None:
    clock = FakeClock()

    async def run() -> None:
        with pytest.raises(ConnectionError):
            await policy(clock, rand=lambda: chance)(Flaky(99))

    asyncio.run(run())
    assert clock.slept == pytest.approx([0.05 * chance, 0.1 * chance])


async def test_a_thousand_attempts_do_not_overflow_the_pause(clock: FakeClock) -> None:
    with pytest.raises(ConnectionError):
        await policy(clock, attempts=1000)(Flaky(9999))
    assert max(clock.slept) <= 1.0


async def test_waits_as_long_as_the_peer_asks(clock: FakeClock) -> None:
    peer = Flaky(1, Busy(2.0))
    assert await policy(clock, retry_on=(Busy,))(peer) == "done"
    assert clock.slept == [2.0]


async def test_does_not_wait_longer_than_is_sensible(clock: FakeClock) -> None:
    with pytest.raises(Busy):
        await policy(clock, retry_on=(Busy,))(Flaky(1, Busy(3600)))
    assert clock.slept == []


@pytest.mark.parametrize("nonsense", [None, "soon", -3, float("nan")])
async def test_an_unreadable_retry_after_is_ignored(clock: FakeClock, nonsense: object) -> None:
    await policy(clock, retry_on=(Busy,))(Flaky(1, Busy(nonsense)))
    assert clock.slept == pytest.approx([0.05])


# what must never be retried


async def test_cancellation_is_never_retried(clock: FakeClock) -> None:
    peer = Flaky(99, asyncio.CancelledError())
    with pytest.raises(asyncio.CancelledError):
        await policy(clock, retry_on=(Exception,))(peer)
    assert peer.calls == 1


def test_a_policy_cannot_ask_for_cancellation_to_be_retried() -> None:
    with pytest.raises(ValueError, match="cancellation"):
        Retry(retry_on=(asyncio.CancelledError,))  # type: ignore[arg-type]  # what mypy sees too
    with pytest.raises(ValueError, match="cancellation"):
        Retry(retry_on=(BaseException,))  # type: ignore[arg-type]


def test_a_policy_without_an_attempt_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        Retry(attempts=0)


@pytest.mark.parametrize("kind", [BreakerOpen, BulkheadFull, DeadlineExceeded])
async def test_a_guards_refusal_is_not_retried(
    clock: FakeClock, kind: type[ResilienceError]
) -> None:
    peer = Flaky(99, kind("no", retry_after=0.01))
    with pytest.raises(kind):
        await policy(clock, retry_on=(Exception,))(peer)
    assert peer.calls == 1


async def test_a_real_cancellation_in_a_pause_ends_it() -> None:
    pausing = asyncio.Event()

    async def forever(_: float) -> None:
        pausing.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(Retry(sleep=forever)(Flaky(99)))
    await pausing.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


# sharing


async def test_concurrent_calls_share_no_counters(clock: FakeClock) -> None:
    """tenacity: four tasks iterating one object, five attempts wanted, got 3, 3, 3, 2."""
    retry = policy(clock, attempts=5)
    peers = [Flaky(99) for _ in range(4)]
    await asyncio.gather(*(retry(peer) for peer in peers), return_exceptions=True)
    assert [peer.calls for peer in peers] == [5, 5, 5, 5]


async def test_a_decorated_function_called_within_itself_shares_no_counters(
    clock: FakeClock,
) -> None:
    depths: list[int] = []

    @policy(clock, attempts=2).wraps
    async def dig(depth: int) -> None:
        depths.append(depth)
        if depth == 1:
            await dig(2)
        raise ConnectionError

    with pytest.raises(ConnectionError):
        await dig(1)
    assert depths == [1, 2, 2, 1, 2, 2]


# the deadline


async def test_does_not_pause_past_the_deadline(clock: FakeClock) -> None:
    peer = Flaky(99)
    with pytest.raises(ConnectionError):
        async with Deadline.after(0.12, clock).enforce():
            await policy(clock, attempts=10)(peer)
    assert clock.slept == pytest.approx([0.05])  # the next, 0.1, would end after it
    assert peer.calls == 2


async def test_does_not_wait_for_a_peer_that_asks_for_more_than_is_left(clock: FakeClock) -> None:
    with pytest.raises(Busy):
        async with Deadline.after(1.0, clock).enforce():
            await policy(clock, retry_on=(Busy,))(Flaky(1, Busy(1.0)))
    assert clock.slept == []


# the budget


async def test_the_budget_is_shared_by_all_callers(clock: FakeClock) -> None:
    retry = policy(clock, budget=RetryBudget())
    peers = [Flaky(99) for _ in range(100)]
    results = await asyncio.gather(*(retry(peer) for peer in peers), return_exceptions=True)
    assert all(isinstance(result, ConnectionError) for result in results)
    assert sum(peer.calls for peer in peers) == 120


async def test_two_policies_may_share_a_budget(clock: FakeClock) -> None:
    budget = RetryBudget(ratio=0, at_least=3)
    reads, writes = Flaky(99), Flaky(99)
    for retry, peer in (
        (policy(clock, budget=budget), reads),
        (policy(clock, budget=budget), writes),
    ):
        with pytest.raises(ConnectionError):
            await retry(peer)
    assert (reads.calls, writes.calls) == (3, 2)


async def test_a_retry_that_will_not_be_made_is_not_paid_for(clock: FakeClock) -> None:
    budget = RetryBudget(ratio=0, at_least=1)
    with pytest.raises(ConnectionError):
        async with Deadline.after(0.01, clock).enforce():
            await policy(clock, budget=budget)(Flaky(99))
    with pytest.raises(Busy):
        await policy(clock, budget=budget, retry_on=(Busy,))(Flaky(99, Busy(3600)))
    assert budget.try_retry(clock())


def test_every_policy_has_a_budget_of_its_own_unless_told_otherwise() -> None:
    first, second = Retry(), Retry()
    assert first.budget is not None
    assert first.budget is not second.budget
    assert first == second  # equal as policies


async def test_the_observer_is_told_retries_and_refusals(clock: FakeClock) -> None:
    seen: list[Event] = []
    retry = policy(
        clock, name="acquirer", on_event=seen.append, budget=RetryBudget(ratio=0, at_least=1)
    )
    with pytest.raises(ConnectionError):
        await retry(Flaky(99))
    assert seen == [Event("acquirer", "retry"), Event("acquirer", "retry_refused")]
