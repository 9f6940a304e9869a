"""Passive checks: an instance is judged by how the traffic that it gets ends.

It is ejected after several failures in a row, each time for longer, and comes back when its time
is over and an active check has succeeded since: callers are never used to find out.

A check may be answered by an instance that answers nothing else. So one that comes back is out
again after one more failure, until it has answered somebody well; and for as long again as it was
out it is doubted: it gets nothing that could not be repeated elsewhere, while there is another one.
"""

from __future__ import annotations

from loadbalancer.pools.settings import EjectSettings


class Ejection:
    """What passive checks know of one instance."""

    __slots__ = ("_doubted_until", "_until", "active", "errors", "failures", "reason", "settings",
                 "times", "total")  # fmt: skip

    def __init__(self, settings: EjectSettings) -> None:
        self.settings = settings
        self._until = self._doubted_until = 0.0
        self.active = False
        self.times = 0
        self.total = 0
        self.failures = 0
        """Failures in a row."""
        self.errors = 0
        """Error answers in a row."""
        self.reason = ""

    def fine(self) -> None:
        """An answer came, and a good one."""
        self.failures = self.errors = 0

    def failed(self) -> bool:
        """No answer came. Is that reason enough to eject?"""
        self.failures += 1
        return not self.active and self.failures >= self.settings.failures

    def erred(self) -> bool:
        """An answer came and says `my fault`. Is that reason enough to eject?"""
        self.failures = 0
        self.errors += 1
        return not self.active and self.errors >= self.settings.errors

    def eject(self, reason: str, now: float) -> float:
        """Takes it out; gives the seconds for which, at least."""
        settings = self.settings
        if now - self._until > settings.forgiven_after:
            self.times = 0
        self.times += 1
        self.total += 1
        seconds = min(settings.seconds * self.times, settings.longest)
        self._begin(reason, seconds, now)
        return seconds

    def _begin(self, reason: str, seconds: float, now: float) -> None:
        self.active, self.reason = True, reason
        self._until, self._doubted_until = now + seconds, now + 2 * seconds

    def _end(self) -> None:
        self.active, self.reason = False, ""
        self.failures = max(1, self.settings.failures - 1)
        self.errors = 0

    def doubted(self, now: float) -> bool:
        """Is it back, and has not answered anybody well since?"""
        unproved = self.failures or self.errors
        return bool(unproved) and not self.active and self._until <= now < self._doubted_until

    def check_succeeded(self, now: float) -> bool:
        """An active check was answered well; gives whether that ends the ejection."""
        if not self.active or now < self._until:
            return False
        self._end()
        return True

    def left(self, now: float) -> float:
        """Seconds that it still lasts, at least."""
        return max(0.0, self._until - now) if self.active else 0.0

    def follow(self, total: int, reason: str, left: float, now: float, *, active: bool) -> None:
        """Takes over what another worker knows, unless we ejected since it was said."""
        if total < self.total:
            return
        self.total = total
        if active and not self.active:
            self._begin(reason, left, now)
        elif self.active and not active:
            self._end()
