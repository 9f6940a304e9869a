"""Trying again, on tenacity, within limits that tenacity does not have.

Added to it: a budget shared by all callers, the current deadline, the peer's own Retry-After,
nothing shared between concurrent calls, and no retry of cancellation or of a guard's refusal.
"""

from __future__ import annotations

import asyncio
import functools
import random
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, ParamSpec, TypeVar

from tenacity import AsyncRetrying, RetryCallState

from chassis.resilience.budget import RetryBudget
from chassis.resilience.deadline import current_deadline
from chassis.resilience.errors import ResilienceError
from chassis.resilience.events import Observer, emit

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """A policy. One object serves any number of concurrent calls.

    Only for what may run twice: reads, and writes with an idempotency key. One layer retries, not
    each: three layers of three attempts are 27.

    Attributes:
        attempts: at most so many in all, the first included.
        base: seconds; the n-th pause is random between 0 and base * 2**(n-1) (full jitter).
        cap: seconds; longest pause that we choose ourselves.
        retry_on: failures worth another attempt. CancelledError cannot be among them, and a
            ResilienceError never is one: it is a decision not to go on.
        longest_retry_after: seconds. An error with a `retry_after` (seconds) is tried again no
            sooner than that, and not at all when it asks for more than this.
        budget: shared by all who call the same peer; None for no budget.
        name: of the peer, for the observer.
        on_event: told each retry, and each that the budget refused.
        clock: seconds, for the budget.
        sleep: pauses for seconds.
        rand: a number in [0, 1).
    """

    attempts: int = 3
    base: float = 0.05
    cap: float = 1.0
    retry_on: tuple[type[Exception], ...] = (ConnectionError, TimeoutError)
    longest_retry_after: float = 5.0
    budget: RetryBudget | None = field(default_factory=RetryBudget, compare=False)
    name: str = "retry"
    on_event: Observer | None = field(default=None, repr=False, compare=False)
    clock: Callable[[], float] = field(default=time.monotonic, repr=False, compare=False)
    sleep: Callable[[float], Awaitable[None]] = field(
        default=asyncio.sleep, repr=False, compare=False
    )
    rand: Callable[[], float] = field(default=random.random, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.attempts < 1:
            raise ValueError("The first attempt counts: attempts must be at least 1")
        if not all(issubclass(kind, Exception) for kind in self.retry_on):
            raise ValueError("Only an Exception can be retried: cancellation must go through")

    async def __call__(self, fn: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        """Calls `fn` until it succeeds, or there is a reason to stop.

        Raises:
            Exception: the last failure, as it was, whichever limit ended the attempts.
        """

        # tenacity looks at the function to decide whether to await; a lambda that returns an
        # awaitable would come back unawaited, and its failures never be seen
        async def attempt() -> T:
            return await fn(*args, **kwargs)

        if self.budget is not None:
            self.budget.count_request(self.clock())
        tries = AsyncRetrying(  # a new one for each call: it keeps its counters in itself
            retry=self._is_worth_it,
            wait=self._pause,
            stop=self._must_stop,
            before_sleep=self._tell,
            sleep=self.sleep,
            reraise=True,
        )
        result: T = await tries(attempt)
        return result

    def wraps(self, fn: Callable[P, Awaitable[T]]) -> Callable[P, Coroutine[Any, Any, T]]:
        """The same as a decorator: `@retry.wraps`."""

        @functools.wraps(fn)
        async def retried(*args: P.args, **kwargs: P.kwargs) -> T:
            return await self(fn, *args, **kwargs)

        return retried

    def _is_worth_it(self, state: RetryCallState) -> bool:
        error = _failure(state)
        return isinstance(error, self.retry_on) and not isinstance(error, ResilienceError)

    def _pause(self, state: RetryCallState) -> float:
        longest = min(self.cap, self.base * 2.0 ** (state.attempt_number - 1))
        return max(longest * self.rand(), _retry_after(state))

    def _must_stop(self, state: RetryCallState) -> bool:
        if state.attempt_number >= self.attempts:
            return True
        if _retry_after(state) > self.longest_retry_after:
            return True
        deadline = current_deadline.get()
        if deadline is not None and deadline.remaining() <= state.upcoming_sleep:
            return True
        # last, because asking takes: a retry that will not be made must not be paid for
        if self.budget is not None and not self.budget.try_retry(self.clock()):
            emit(self.on_event, self.name, "retry_refused")
            return True
        return False

    def _tell(self, _: RetryCallState) -> None:
        emit(self.on_event, self.name, "retry")


def _failure(state: RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome is not None else None


def _retry_after(state: RetryCallState) -> float:
    asked = getattr(_failure(state), "retry_after", None)
    return float(asked) if isinstance(asked, int | float) and asked > 0 else 0.0
