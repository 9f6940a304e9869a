"""Counts over the last seconds: what breaker and retry budget judge by. Pure; time is passed in.

Rules:
1. The window is cut into slices of equal length, aligned to the clock. An event belongs to the
   slice it happened in, and the newest `slices` of them are summed. So a sum reaches back at
   most `seconds`, at least one slice less, and costs the same at any rate of events.
2. Time does not run backwards: an earlier `now` than one seen counts as that one.
3. Sums are never negative, and a window without events for `seconds` is as good as new.
"""

from __future__ import annotations

from collections import deque


class SlidingCounts:
    """Several counters over one sliding window."""

    def __init__(self, counters: int, seconds: float, slices: int = 10) -> None:
        """`counters` is how many numbers each event adds to; `seconds` the window's length."""
        if counters < 1 or seconds <= 0 or slices < 1:
            raise ValueError("A window needs a counter, a length and a slice")
        self._zero = [0] * counters
        self._slice = seconds / slices
        self._slices = slices
        self.clear()

    def add(self, now: float, *amounts: int) -> None:
        """Adds one amount to each counter, at `now` (seconds)."""
        self._forget(now)
        if not self._recent or self._recent[-1][0] != self._newest:
            self._recent.append((self._newest, list(self._zero)))
        slice_sums = self._recent[-1][1]
        for i, amount in enumerate(amounts):
            slice_sums[i] += amount
            self._sums[i] += amount

    def sums(self, now: float) -> tuple[int, ...]:
        """The counters' sums over the window that ends at `now` (seconds)."""
        self._forget(now)
        return tuple(self._sums)

    def clear(self) -> None:
        """Forgets all events."""
        self._recent: deque[tuple[int, list[int]]] = deque()
        self._sums = list(self._zero)
        self._newest = 0

    def _forget(self, now: float) -> None:
        self._newest = max(self._newest, int(now // self._slice))
        oldest_kept = self._newest - self._slices + 1
        while self._recent and self._recent[0][0] < oldest_kept:
            _, gone = self._recent.popleft()
            for i, amount in enumerate(gone):
                self._sums[i] -= amount
