"""Is it still as big as it was? Pure: samples in, a verdict out.

The first third of a run is warming up: memos and pools fill, and memory is taken from the system in
steps. Of the rest the slope counts (Theil and Sen: the median of the slopes of all pairs, which one
jump or one dip does not move), times how long it lasted: the growth. What may be grown:

- memory: 2 MiB, two of the arenas that CPython takes from the system at a time. In ten minutes of
  this load that is less than 16 bytes a request, the smallest object there is, so that a leak of
  anything a request is found; how small a leak a run could have seen is part of its verdict.
- file descriptors: 60, the load's 30 callers with a connection to an instance for each, which come
  and go; and tasks: 10. A leak of one in a thousand requests is many more.
- objects: 2,000, on the same grounds.
"""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

WARM_SHARE = 1 / 3
MIB = 1_048_576
MAY_GROW = {"rss": 2.0 * MIB, "fds": 60.0, "tasks": 10.0, "objects": 2_000.0}
_LEAST_SAMPLES = 10


@dataclass(frozen=True, slots=True)
class Sample:
    """At one time, in seconds from the start; `rss` in bytes."""

    at: float
    requests: int
    rss: int
    fds: int
    tasks: int
    objects: int


@dataclass(frozen=True, slots=True)
class Growth:
    """Of one measure, over the time after warming up."""

    name: str
    median: float
    grown: float
    allowed: float

    @property
    def flat(self) -> bool:
        """It may shrink."""
        return self.grown <= self.allowed


@dataclass(frozen=True, slots=True)
class Verdict:
    """Of a run."""

    growths: tuple[Growth, ...]
    requests: int
    """After warming up."""

    @property
    def flat(self) -> bool:
        """All of it."""
        return all(growth.flat for growth in self.growths)

    @property
    def leak_seen(self) -> float:
        """Bytes a request: a leak of more would have been found."""
        return MAY_GROW["rss"] / max(1, self.requests)


def slope(points: Sequence[tuple[float, float]]) -> float:
    """The median of the slopes between all pairs of points.

    Raises:
        ValueError: no two points are at different times.
    """
    slopes = [
        (y2 - y1) / (x2 - x1)
        for (x1, y1), (x2, y2) in itertools.combinations(points, 2)
        if x1 != x2
    ]
    if not slopes:
        raise ValueError("a slope needs two points in time")
    return statistics.median(slopes)


def judge(samples: Sequence[Sample]) -> Verdict:
    """Of at least 10 samples after warming up.

    Raises:
        ValueError: there are fewer.
    """
    first, last = samples[0].at, samples[-1].at
    warm = [s for s in samples if s.at >= first + (last - first) * WARM_SHARE]
    if len(warm) < _LEAST_SAMPLES:
        raise ValueError(f"too short: {len(warm)} samples after warming up, not {_LEAST_SAMPLES}")
    lasted = warm[-1].at - warm[0].at
    growths = []
    for name, allowed in MAY_GROW.items():
        points = [(s.at, float(getattr(s, name))) for s in warm]
        middle = statistics.median(value for _, value in points)
        growths.append(Growth(name, middle, slope(points) * lasted, allowed))
    return Verdict(tuple(growths), warm[-1].requests - warm[0].requests)
