"""How many retries there may be, so that trouble is not multiplied by them.

1. A share of the requests of the last 10 s, or a few at least (Envoy's and Finagle's rule).
2. Beyond that, what an instance had under way when it broke off or fell silent: each of that once
   more, once in 10 s. A share cannot reckon with it, since a dying instance breaks all at one
   moment, and a balancer that has just taken over has no requests to take a share of. It is bounded
   all the same: by Little's law it adds at most (usual seconds an answer takes) / 10 to the work.
   For error answers it is at least what it takes to eject an instance: finding out costs nobody.
"""

from __future__ import annotations

from collections import deque

_WINDOW = 10
"""Seconds, and one mark a second."""


class RetryBudget:
    """Retries in the last 10 s may be a share of the requests in them, or a few at least."""

    __slots__ = ("_least", "_marks", "_share", "refused", "requests", "retries")

    def __init__(self, share: float, least: int) -> None:
        self._share = share
        self._least = least
        self._marks: deque[tuple[int, int]] = deque([(0, 0)], maxlen=_WINDOW)
        self.requests = 0
        """Ever; counted by the data path, by adding one."""
        self.retries = 0
        self.refused = 0

    def reconfigure(self, share: float, least: int) -> None:
        """Another share or floor, from now on."""
        self._share = share
        self._least = least

    def tick(self) -> None:
        """To be called once a second."""
        self._marks.append((self.requests, self.retries))

    def take(self) -> bool:
        """Asks for one retry."""
        requests, retries = self._marks[0]
        allowed = max(self._least, self._share * (self.requests - requests))
        if self.retries - retries + 1 > allowed:
            self.refused += 1
            return False
        self.retries += 1
        return True


class Grace:
    """Rule 2, for one instance."""

    __slots__ = ("_left", "_until")

    def __init__(self) -> None:
        self._left = 0
        self._until = 0.0

    def take(self, in_flight: int, now: float) -> bool:
        """Asks for one retry of what this instance had under way.

        Args:
            in_flight: requests under way on it, this one included.
            now: in seconds.
        """
        if now >= self._until:
            self._until = now + _WINDOW
            self._left = in_flight
        if self._left <= 0:
            return False
        self._left -= 1
        return True
