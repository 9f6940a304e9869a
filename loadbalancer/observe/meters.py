"""Counting without growing: a histogram of fixed buckets, and what the last ten seconds were."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Iterable
from typing import Final

_FIRST = 0.000_25
_FACTOR = 1.25
BOUNDS: Final = tuple(_FIRST * _FACTOR**i for i in range(56))
"""Upper bounds in seconds, from 0.25 ms to about 53 s; a quantile is right to a quarter."""
_WINDOW = 10
"""Seconds, and one mark a second."""


class Meter:
    """Requests, errors and how long they took, for ever and in the last ten seconds."""

    __slots__ = ("_marks", "counts", "errors", "retries", "seconds")

    def __init__(self) -> None:
        self.errors = 0
        self.retries = 0
        self.seconds = 0.0
        self.counts = [0] * (len(BOUNDS) + 1)
        self._marks: deque[tuple[int, tuple[int, ...]]] = deque(maxlen=_WINDOW)
        self.tick()

    def observe(self, seconds: float) -> None:
        """A request ended after so long."""
        self.seconds += seconds
        self.counts[bisect_left(BOUNDS, seconds)] += 1

    @property
    def requests(self) -> int:
        """How many have ended."""
        return sum(self.counts)

    def tick(self) -> None:
        """To be called once a second."""
        self._marks.append((self.requests, tuple(self.counts)))

    def rate(self) -> float:
        """Requests a second, over the last ten."""
        return (self._marks[-1][0] - self._marks[0][0]) / max(1, len(self._marks) - 1)

    def recent(self) -> list[int]:
        """The histogram of the last ten seconds."""
        return [now - then for now, then in zip(self.counts, self._marks[0][1], strict=True)]


def total(histograms: Iterable[list[int]]) -> list[int]:
    """Several histograms as one."""
    return [sum(column) for column in zip(*histograms, strict=True)] or [0] * (len(BOUNDS) + 1)


def quantile(counts: list[int], share: float) -> float | None:
    """Seconds within which that share of the requests ended; None without any."""
    wanted = share * sum(counts)
    if not wanted:
        return None
    seen = 0
    for bound, count in zip((*BOUNDS, BOUNDS[-1]), counts, strict=True):
        seen += count
        if seen >= wanted:
            return bound
    return BOUNDS[-1]  # pragma: no cover - the loop always gets there
