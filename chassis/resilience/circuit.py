"""When a circuit opens, probes and closes: a pure state machine. Time and chance are passed in.

Rules:
1. closed: every call passes. When the window holds at least `min_calls`, and the share of failed
   or of slow calls reaches its threshold, the circuit opens.
2. open: no call passes until the open time is over; the next one after that makes it half-open.
3. half-open: at most `permits` probes pass, everybody else is refused. It opens again as soon as
   the share of bad probes must reach `failure_rate`, and closes as soon as it cannot.
4. The open time doubles with each opening in a row, up to a cap. An opening is in a row with the
   one before unless a whole window of closed time lay between. Part of it is random, so that
   instances do not probe together.
5. A call that was cut off (cancelled) is no failure and gives its permit back. But if it was slow
   already, it counts as slow: a peer that hangs is known by nothing else when callers give up.
6. A result counts only in the period (from one change of state to the next) it was admitted in.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass

from pybreaker import STATE_CLOSED, STATE_HALF_OPEN, STATE_OPEN

from chassis.resilience.window import SlidingCounts


class Outcome(enum.Enum):
    """How a call ended."""

    OK = enum.auto()
    FAILED = enum.auto()
    CUT_OFF = enum.auto()  # cancelled by us: the peer's answer is not known
    NOT_MADE = enum.auto()  # stopped by a guard further in: the peer saw nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerPolicy:
    """When to open, for how long, and how to come back.

    Attributes:
        window_seconds: how far back calls are judged. 10 s, as the retry budget.
        min_calls: fewer in a window are no evidence. 10: a service here sees 10 to 1,000 calls/s
            (Polly 100, resilience4j 100, for busier ones).
        failure_rate: share of failed calls that opens. 0.5, as resilience4j.
        slow_call_seconds: from here a call is slow. Keep it below the deadlines that calls run
            under, or a peer that hangs is never noticed by it.
        slow_call_rate: share of slow calls that opens. 0.8; above 1 turns it off.
        permits: probes when half-open. 3 (resilience4j 10, which takes a quiet service long).
        probe_seconds: probes that say nothing for so long are bad ones.
        open_seconds: first open time. 5 s, as Polly.
        open_max_seconds: longest open time. 60 s, as resilience4j.
        jitter: share of the open time, from 0 to 1, that is left to chance.
    """

    window_seconds: float = 10.0
    min_calls: int = 10
    failure_rate: float = 0.5
    slow_call_seconds: float = 2.0
    slow_call_rate: float = 0.8
    permits: int = 3
    probe_seconds: float = 30.0
    open_seconds: float = 5.0
    open_max_seconds: float = 60.0
    jitter: float = 0.25

    def __post_init__(self) -> None:
        if not 0 < self.failure_rate <= 1 or self.slow_call_rate <= 0:
            raise ValueError("A rate is a share of the calls: above 0, at most 1")
        if self.min_calls < 1 or self.permits < 1:
            raise ValueError("Without a call to judge by, a circuit can neither open nor close")
        if not 0 < self.open_seconds <= self.open_max_seconds or not 0 <= self.jitter <= 1:
            raise ValueError("The open time must be above 0, within its cap, jitter from 0 to 1")


@dataclass(frozen=True, slots=True)
class Permit:
    """The right to one call. Give it back with `settle`, once."""

    period: int
    began: float


class Circuit:
    """The state machine. `state` is one of pybreaker's three names."""

    def __init__(self, policy: BreakerPolicy, rand: Callable[[], float]) -> None:
        """`rand` gives a number in [0, 1)."""
        self.policy = policy
        self.state: str = STATE_CLOSED
        self.good_probes = 0
        self._bad_probes = 0
        self._probes = 0  # permits given out in this half-open period and not given back
        self._last_probe = 0.0
        self._window = SlidingCounts(3, policy.window_seconds)
        self._rand = rand
        self._period = 0
        self._openings = 0  # in a row
        self._opens_until = 0.0
        self._closed_at = float("-inf")

    def admit(self, now: float) -> Permit | None:
        """A permit for one call, or None if it must not be made."""
        if self.state == STATE_OPEN and now >= self._opens_until:
            self.half_open()
        if self.state == STATE_HALF_OPEN:
            if self._probes >= self.policy.permits:
                if now - self._last_probe >= self.policy.probe_seconds:
                    self.open(now)
                return None
            self._probes += 1
            self._last_probe = now
        return None if self.state == STATE_OPEN else Permit(self._period, now)

    def retry_after(self, now: float) -> float:
        """Seconds until asking again is worthwhile: the open time, or what a probe may take."""
        if self.state == STATE_OPEN:
            return max(0.0, self._opens_until - now)
        return self.policy.slow_call_seconds

    def settle(self, permit: Permit, now: float, outcome: Outcome) -> None:
        """Takes in how the permit's call ended."""
        if permit.period != self._period:
            return
        failed = outcome is Outcome.FAILED
        slow = self._is_slow(now - permit.began)
        if outcome is Outcome.NOT_MADE or (outcome is Outcome.CUT_OFF and not slow):
            if self.state == STATE_HALF_OPEN:
                self._probes -= 1
        elif self.state == STATE_HALF_OPEN:
            self._judge_probe(now, bad=failed or slow)
        else:
            self._window.add(now, 1, failed, slow)
            self._judge_window(now)

    def open(self, now: float) -> None:
        """Opens, by verdict or by hand."""
        recovered = (
            self.state == STATE_CLOSED and now - self._closed_at >= self.policy.window_seconds
        )
        self._openings = 1 if recovered else self._openings + 1
        self._opens_until = now + self._open_time()
        self._change(STATE_OPEN)

    def half_open(self) -> None:
        """Lets probes through."""
        self._probes = self._bad_probes = self.good_probes = 0
        self._change(STATE_HALF_OPEN)

    def close(self, now: float) -> None:
        """Closes; what was counted before is forgotten."""
        self._closed_at = now
        self._window.clear()
        self._change(STATE_CLOSED)

    def failures(self, now: float) -> int:
        """Failed calls in the window."""
        return self._window.sums(now)[1]

    def _change(self, state: str) -> None:
        self.state = state
        self._period += 1

    def _is_slow(self, seconds: float) -> bool:
        policy = self.policy
        return policy.slow_call_rate <= 1 and seconds >= policy.slow_call_seconds

    def _open_time(self) -> float:
        policy = self.policy
        doublings = min(self._openings - 1, 32)  # beyond that any open time is over its cap
        seconds = min(policy.open_max_seconds, policy.open_seconds * 2.0**doublings)
        return seconds * (1 - policy.jitter * self._rand())

    def _judge_window(self, now: float) -> None:
        calls, failed, slow = self._window.sums(now)
        if calls < self.policy.min_calls:
            return
        too_bad = failed / calls >= self.policy.failure_rate
        too_slow = slow / calls >= self.policy.slow_call_rate
        if too_bad or too_slow:
            self.open(now)

    def _judge_probe(self, now: float, *, bad: bool) -> None:
        self._bad_probes += bad
        self.good_probes += not bad
        permits, threshold = self.policy.permits, self.policy.failure_rate
        if self._bad_probes / permits >= threshold:
            self.open(now)
        elif (permits - self.good_probes) / permits < threshold:
            self.close(now)
