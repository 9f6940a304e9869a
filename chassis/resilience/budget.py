"""How many retries all callers together may send. Pure; time is passed in.

A retry helps when failures are few and does harm when they are many: three attempts of everybody
triple the load on a peer that is failing because of its load.
"""

from __future__ import annotations

from chassis.resilience.window import SlidingCounts


class RetryBudget:
    """Allows retries up to a share of the requests of the last seconds.

    One budget belongs to one dependency and is shared by all who call it. Use it from one event
    loop: it has no lock.
    """

    def __init__(self, *, ratio: float = 0.2, at_least: int = 3, seconds: float = 10.0) -> None:
        """The defaults are Envoy's (20 %, 3) over the window of Finagle (10 s).

        Args:
            ratio: retries for each request.
            at_least: retries in a window that are allowed whatever the traffic.
            seconds: length of the window.
        """
        if ratio < 0 or at_least < 0:
            raise ValueError("A budget cannot be negative")
        self._ratio = ratio
        self._at_least = at_least
        self._window = SlidingCounts(2, seconds)

    def count_request(self, now: float) -> None:
        """Notes a request's first attempt: it earns the right to a part of a retry."""
        self._window.add(now, 1, 0)

    def try_retry(self, now: float) -> bool:
        """Takes one retry out of the budget. False, and nothing taken, when it is used up."""
        requests, retries = self._window.sums(now)
        if retries + 1 > max(self._at_least, self._ratio * requests):
            return False
        self._window.add(now, 0, 1)
        return True
