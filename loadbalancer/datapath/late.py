"""A try that is late and still listened to, while another instance is asked as well (hedging).

1. What was late is not hung up on: an instance that is merely slow answers after all, and what it
   did was not in vain. Whichever try is answered first gives the answer; the others are dropped.
2. While another try is under way, an answer of the 5xx class is not taken for the answer, nor is a
   409 to a request with an Idempotency-Key: it may only say that the other one is still running.
   But where the late one says after all when to come back (503 with Retry-After) it is no longer
   taken for hung, and whoever asks is told at once, as if nobody else had been asked.
3. The second run of a request is allowed by the same rule as after a broken connection: methods
   that are idempotent, and requests with a key (`pools/retry.py`). Hanging up on the first would
   not stop it at the instance, so listening on adds no run.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic as clock
from typing import TYPE_CHECKING

from loadbalancer.datapath.sides import Asker, LinkSide
from loadbalancer.pools.retry import Failure
from loadbalancer.wire.response import FINAL, SWITCHING, ResponseHead

if TYPE_CHECKING:
    from loadbalancer.datapath.tries import Tries
    from loadbalancer.pools.instance import Instance

_SERVER_ERROR = 500
_CONFLICT = 409
_UNAVAILABLE = 503


def settles(head: ResponseHead, *, keyed: bool) -> bool:
    """Is this the answer, although another try is under way? See rule 2."""
    return head.status < _SERVER_ERROR and not (keyed and head.status == _CONFLICT)


def decided(head: ResponseHead) -> bool:
    """It says when to come back: that is a decision and no failure."""
    return head.status == _UNAVAILABLE and head.field(b"retry-after") != b""


class Late(Asker):
    """Takes the place of the request at a connection whose instance is late."""

    __slots__ = ("_tries", "answering", "dialing", "head", "instance", "link", "sent_at",
                 "tried_at")  # fmt: skip

    def __init__(self, tries: Tries, instance: Instance, link: LinkSide) -> None:
        self._tries = tries
        self.head = tries.head
        self.answering = False
        """Nor ever: when it is answered, the request takes its place back."""
        self.dialing: Callable[[], object] | None = None
        self.instance = instance
        self.link = link
        self.tried_at = tries.tried_at
        self.sent_at = tries.sent_at
        link.hand_over(self)

    def drop(self, now: float) -> None:
        """Its answer is not wanted any more; it took so long at least."""
        self.instance.in_flight -= 1
        self.instance.meter.observe(now - self.sent_at)
        self.link.drop()

    def answer(self, head: ResponseHead, rest: bytes) -> bool:
        """It was answered, first of all. Gives whether another head follows."""
        if head.status < FINAL and head.status != SWITCHING:
            return True
        if settles(head, keyed=self.head.keyed) or decided(head):
            self._tries.take_back(self, clock())
            return self._tries.answer(head, rest)
        now = clock()
        self._tries.judge(self.instance, head, now)
        self._tries.drop_late(self, f"status {head.status}", now)
        return False

    def link_lost(self, *, broken: bool = True) -> None:  # noqa: ARG002 - either way
        """It will have no answer."""
        self._tries.late_failed(self, Failure.RESET)

    def nonsense(self) -> None:
        """It has no answer that could be passed on."""
        self._tries.late_failed(self, Failure.NONSENSE)

    def link_half_closed(self) -> bool:
        """Half an end is one."""
        return False

    def hold_back_caller(self, *, stuck: bool) -> None:
        """All was sent."""

    def connected(self, link: LinkSide, now: float) -> None:
        """It was before."""

    def connect_failed(self) -> None:
        """It did not."""

    def answer_data(self, data: bytes) -> None:
        """See `answering`."""
