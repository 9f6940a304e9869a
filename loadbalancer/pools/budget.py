"""A limit on retries as a share of requests, so that trouble is not multiplied by them."""

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
