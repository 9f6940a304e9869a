"""Keeping a rate: when the next task is due, whatever the last one took."""

from __future__ import annotations


class Pacer:
    """Due times a period apart, with time passed in.

    A user that fell behind does not try to catch up with a burst: a cluster just back from a
    fault would get all the missed load at once.
    """

    def __init__(self, rate: float, phase: float) -> None:
        """Takes `rate` in tasks per second (over 0) and a `phase` from 0 to 1.

        Users of different phases spread over the period instead of moving in step.
        """
        self._period = 1 / rate
        self._phase = phase
        self._due: float | None = None

    def wait(self, now: float) -> float:
        """Seconds to wait until the next task, at least 0."""
        if self._due is None:
            self._due = now + self._period * self._phase
        else:
            self._due = max(self._due + self._period, now)
        return max(0.0, self._due - now)
