"""What a client does when an edge refuses, breaks off or says later: decisions, no I/O.

Everything our users send may be sent again: reads are safe, and every POST carries an
Idempotency-Key. So there is one rule for all: an attempt without an answer goes to the other edge.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

CONFLICT, BAD_GATEWAY, UNAVAILABLE, GATEWAY_TIMEOUT = 409, 502, 503, 504


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one request, all its attempts together. Times in seconds.

    The whole is what a person waits before giving up; a try is a little under the 5 s that the
    cluster gives a request, and connecting inside one cluster takes microseconds or never happens.
    """

    whole: float = 15.0
    attempt: float = 4.0
    connect: float = 1.0
    attempts: int = 12
    pause: float = 0.1
    pause_at_most: float = 2.0


@dataclass(frozen=True, slots=True)
class Again:
    """Send it again after `wait` seconds."""

    wait: float
    other_edge: bool
    why: str


@dataclass(frozen=True, slots=True)
class Finished:
    """That was the answer, or there will be none (`gave_up`)."""

    gave_up: bool = False


def after(
    status: int, retry_after: float | None, attempts: int, elapsed: float, limits: Limits
) -> Again | Finished:
    """The next step after an attempt.

    Args:
        status: the answer's status, 0 where there was none.
        retry_after: seconds, if the answer had that header.
        attempts: how many there have been, this one included.
        elapsed: seconds since the first began.
        limits: the bounds.
    """
    step = _wish(status, retry_after, attempts, limits)
    if isinstance(step, Again) and (
        attempts >= limits.attempts or elapsed + step.wait >= limits.whole
    ):
        return Finished(gave_up=True)
    return step


def _wish(
    status: int, retry_after: float | None, attempts: int, limits: Limits
) -> Again | Finished:
    backoff = min(limits.pause * 2 ** (attempts - 1), limits.pause_at_most)
    if status == 0:
        # The first failover costs no time; when neither edge answers, do not hammer them.
        return Again(0.0 if attempts == 1 else backoff, other_edge=True, why="failover")
    if status in (BAD_GATEWAY, GATEWAY_TIMEOUT):
        return Again(backoff, other_edge=True, why="failover")
    if status == UNAVAILABLE:
        return Again(backoff if retry_after is None else retry_after, False, "unavailable")
    # Only "still running" tells when to come back; "sold out" or "taken" is an answer.
    if status == CONFLICT and retry_after is not None:
        return Again(retry_after, False, "in-progress")
    return Finished()


class Edges:
    """Which edge to try: a user's own, unless it is known to be down, as all users remember it.

    A down edge is tried again by one request every few seconds, so that its death costs a few
    requests a moment and not each user one.
    """

    def __init__(self, count: int, retry_after: float = 3.0, probe: float = 1.0) -> None:
        """Takes the number of edges, and in seconds: how long to leave one alone, and to probe."""
        self._count = count
        self._retry_after = retry_after
        self._probe = probe
        self._down_until: dict[int, float] = {}

    def choose(self, home: int, now: float, avoid: Sequence[int] = ()) -> int:
        """An edge for a try that begins now; `avoid` names what this request has just tried."""
        wishes = [(home + step) % self._count for step in range(self._count)]
        for edge in wishes:
            if edge not in avoid and self._may_try(edge, now):
                return edge
        return next((edge for edge in wishes if edge not in avoid), home)

    def failed(self, edge: int, now: float) -> None:
        """It did not answer."""
        self._down_until[edge] = now + self._retry_after

    def worked(self, edge: int) -> None:
        """It answered, whatever it said."""
        self._down_until.pop(edge, None)

    def _may_try(self, edge: int, now: float) -> bool:
        until = self._down_until.get(edge)
        if until is None:
            return True
        if now < until:
            return False
        self._down_until[edge] = now + self._probe
        return True
