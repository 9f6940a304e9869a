"""Active checks: what the answers of an instance to `is it ready?` say about it.

1. The first answer counts at once, so that a start is quick.
2. After that, `fall` failures in a row take it out and `rise` successes in a row bring it back.
3. While a failure is not believed yet, the next check comes soon: who hangs is found out by three
   time-outs in a row, not by three intervals.
4. An instance that says itself that it is not ready gets no new work from that moment, and gets
   it again as soon as it says that it is. Only failures need to be believed slowly.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from loadbalancer.pools.settings import CheckSettings


class Verdict(Enum):
    """One check's outcome."""

    READY = "ready"
    UNREADY = "unready"
    DRAINING = "draining"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Outcome:
    """One check's outcome, with its reason and what the instance calls itself.

    Attributes:
        answered: it spoke HTTP at all, whatever it said.
    """

    verdict: Verdict
    reason: str = ""
    answered: bool = True
    name: str = ""
    zone: str = ""


_OK = 200
_UNAVAILABLE = 503
_REASON_CHARS = 80


def interpret(status: int, body: bytes, served_by: str, settings: CheckSettings) -> Outcome:
    """What an answer to a check means.

    Args:
        status: of the answer.
        body: its beginning; its first line is the reason of an instance that is not ready.
        served_by: `zone/instance`, as the instance names itself, or empty.
        settings: of the pool's checks.
    """
    zone, slash, name = served_by.rpartition("/")
    if settings.name_prefix and slash and not name.startswith(settings.name_prefix):
        return Outcome(Verdict.FAILED, f"this address answers as {name}")
    said = body.decode("latin-1").strip().partition("\n")[0][:_REASON_CHARS]
    reason = "".join(c for c in said if c.isprintable()) or "not ready"
    if status == _OK:
        return Outcome(Verdict.READY, name=name, zone=zone)
    if status != _UNAVAILABLE:
        return Outcome(Verdict.FAILED, f"status {status}", name=name, zone=zone)
    verdict = Verdict.DRAINING if "drain" in reason.lower() else Verdict.UNREADY
    return Outcome(verdict, reason, name=name, zone=zone)


class ActiveCheck:
    """What active checks know of one instance, and when the next one is due."""

    __slots__ = ("_downs", "_told", "_ups", "answers", "checked", "draining", "due",
                 "ready", "reason", "running", "settings")  # fmt: skip

    def __init__(self, settings: CheckSettings) -> None:
        self.settings = settings
        self._ups = 0
        self._downs = 0
        self._told = False
        self.ready = False
        self.draining = False
        self.answers = False
        self.checked = False
        self.reason = "not checked yet"
        self.due = 0.0
        self.running = False

    def start(self) -> None:
        """A check is on its way."""
        self.running = True

    def record(self, outcome: Outcome, now: float, spread: float, *, doubted: bool = False) -> None:
        """Takes an outcome and plans the next check.

        Args:
            outcome: of the check that ran.
            now: in seconds.
            spread: a random number between -1 and 1.
            doubted: discovery no longer knows the instance, so that one failure is enough.
        """
        self.running = False
        self.answers = outcome.answered
        if outcome.verdict is Verdict.READY:
            self._up()
        elif outcome.verdict is Verdict.FAILED:
            self._down(outcome.reason, at_once=doubted)
        else:
            self.ready, self._told, self._ups = False, True, 0
            self.draining = outcome.verdict is Verdict.DRAINING
            self.reason = outcome.reason
        self.checked = True
        self.due = now + self._interval() * (1 + self.settings.jitter * spread)

    def _interval(self) -> float:
        settings = self.settings
        if not self.ready:
            return settings.down_interval
        return settings.doubt_interval if self._downs else settings.interval

    def _up(self) -> None:
        self._downs = 0
        self._ups += 1
        if not self.checked or self._told or self._ups >= self.settings.rise:
            self.ready, self._told, self.draining, self.reason = True, False, False, ""

    def _down(self, reason: str, *, at_once: bool) -> None:
        self._ups = 0
        self._downs += 1
        if at_once or not self.checked or self._downs >= self.settings.fall:
            self.ready = self._told = self.draining = False
        if not self.ready and not self.draining:
            self.reason = reason
