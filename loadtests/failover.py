"""What a client does when an edge refuses, breaks off or says later: decisions, no I/O.

Everything our users send may be sent again: reads are safe, and every POST carries an
Idempotency-Key. So there is one rule for all: an attempt without an answer goes to the other edge.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

CONFLICT, BAD_GATEWAY, UNAVAILABLE, GATEWAY_TIMEOUT = 409, 502, 503, 504


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one request, all its attempts together. Times in seconds.

    The whole is what a person waits before giving up; a try is a little over the 5 s in which the
    cluster has decided on an answer itself; connecting takes microseconds or never happens.
    """

    whole: float = 15.0
    attempt: float = 5.5
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
    """Which edge to try: a user's own, unless it is down, which all users of a run know at once.

    Whether it is back is found out beside the requests (`worked`), never with one of them. One that
    cannot serve now is left alone for a time (`refused`): that is all that its answer tells.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._down: set[int] = set()
        self._refuses_until: dict[int, float] = {}

    def choose(self, home: int, avoid: Collection[int] = (), now: float = 0.0) -> int:
        """An edge to try; `avoid` names what this request has just tried."""
        wishes = [(home + step) % self._count for step in range(self._count)]
        others = [edge for edge in wishes if edge not in avoid] or wishes
        alive = [edge for edge in others if edge not in self._down] or others
        return next((edge for edge in alive if self._refuses_until.get(edge, now) <= now), alive[0])

    def refused(self, edge: int, until: float) -> None:
        """It says that it cannot serve: not before that time, if another one can."""
        self._refuses_until[edge] = until

    def failed(self, edge: int) -> bool:
        """It did not answer. True if that is news."""
        news = edge not in self._down
        self._down.add(edge)
        return news

    def worked(self, edge: int) -> None:
        """It answered, whatever it said."""
        self._down.discard(edge)
