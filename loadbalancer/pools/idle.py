"""When a connection at rest has rested too long: one number for all that came to rest together.

A number of its own for each would be one more place in memory to go to, with each request.
"""

from __future__ import annotations

from typing import Final

_STEP: Final = 0.05
"""Seconds; who looks for connections that have rested too long looks less often than that."""


class Idle:
    """`due` is for those that come to rest before `stale`; then ask `anew`.

    Both are clock times in seconds; `due` is at most 50 ms later than to the point.
    """

    __slots__ = ("due", "seconds", "stale")

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.due = 0.0
        self.stale = 0.0

    def anew(self, now: float) -> float:
        """When a connection that comes to rest now is due."""
        self.stale = now + _STEP
        self.due = self.stale + self.seconds
        return self.due
