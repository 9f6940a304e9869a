"""Passive checks: an instance is judged by how the traffic that it gets ends.

It is ejected after several failures in a row, each time for longer, and comes back when its time
is over and an active check has succeeded since: callers are never used to find out.
"""

from __future__ import annotations

from loadbalancer.pools.settings import EjectSettings


class Ejection:
    """What passive checks know of one instance."""

    __slots__ = ("_until", "active", "errors", "failures", "reason", "settings", "times", "total")

    def __init__(self, settings: EjectSettings) -> None:
        self.settings = settings
        self._until = 0.0
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
        self.active, self.reason, self._until = True, reason, now + seconds
        return seconds

    def check_succeeded(self, now: float) -> bool:
        """An active check was answered well; gives whether that ends the ejection."""
        if not self.active or now < self._until:
            return False
        self.active, self.reason = False, ""
        self.fine()
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
            self.active, self.reason, self._until = True, reason, now + left
        elif self.active and not active:
            self.active, self.reason = False, ""
            self.fine()
