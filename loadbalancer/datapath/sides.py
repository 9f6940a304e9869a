"""What an exchange has on its two sides, and how far it can come."""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from loadbalancer.wire.reject import Problem
    from loadbalancer.wire.request import RequestHead
    from loadbalancer.wire.response import ResponseHead


class Phase(IntEnum):
    """How far an exchange has come."""

    RECEIVING = 0
    WAITING = 1
    CONNECTING = 2
    SENT = 3
    ANSWERING = 4
    TUNNEL = 5
    DONE = 6


RECEIVING: Final = Phase.RECEIVING
WAITING: Final = Phase.WAITING
CONNECTING: Final = Phase.CONNECTING
SENT: Final = Phase.SENT
ANSWERING: Final = Phase.ANSWERING
TUNNEL: Final = Phase.TUNNEL
DONE: Final = Phase.DONE


class Side(Protocol):
    """A connection, as far as both ends of an exchange are alike."""

    __slots__ = ()

    ended: bool
    """It will send no more."""

    def write(self, data: bytes) -> None:
        """Sends bytes."""

    def pause(self) -> None:
        """Takes no more bytes from it."""

    def resume(self) -> None:
        """Takes bytes again."""

    def half_close(self) -> None:
        """Will send no more to it."""

    def drop(self) -> None:
        """Ends it at once; what was cut off is seen to be."""


class CallerSide(Side, Protocol):
    """The connection that a request came by."""

    __slots__ = ()

    peer: bytes
    trusted: bool
    """What it says of who asked before it is believed."""
    stuck: bool

    def early(self) -> bytes:
        """What was sent after the request and is not served yet: none of it will be a request.

        However much that was, it is read on from now on.
        """

    def done(self, now: float, keep: bool) -> None:
        """The answer is complete."""

    def refuse(
        self, problem: Problem, *, head: RequestHead, request_id: bytes, keep: bool, now: float
    ) -> None:
        """Answers with a problem."""


class LinkSide(Side, Protocol):
    """A connection to an instance."""

    __slots__ = ()

    stuck: bool

    @property
    def stale(self) -> bool:
        """Was it used before, and nothing came back this time?"""

    def carry(self, asker: Asker, data: bytes) -> None:
        """Takes a request."""

    def hand_over(self, asker: Asker) -> None:
        """Another one asks from now on: the answer is for it."""

    def finish(self) -> None:
        """Ends it in good order: what was written still goes out."""

    def release(self, now: float) -> None:
        """Goes back to the pool, unharmed."""


class Asker(Protocol):
    """Who asks an instance something, as a connection to it sees it."""

    __slots__ = ()

    head: RequestHead
    answering: bool
    """The head of the answer has come."""
    dialing: Callable[[], object] | None
    """Ends the attempt to open a connection; None if there is none."""

    def connected(self, link: LinkSide, now: float) -> None:
        """There is a connection."""

    def connect_failed(self) -> None:
        """There will be none."""

    def answer(self, head: ResponseHead, rest: bytes) -> bool:
        """The head of an answer came, and bytes after it. Gives whether another head follows."""

    def answer_data(self, data: bytes) -> None:
        """More of the answer."""

    def nonsense(self) -> None:
        """The answer broke the rules."""

    def link_lost(self, *, broken: bool = True) -> None:
        """The connection is gone; in good order, unless it is `broken`."""

    def link_half_closed(self) -> bool:
        """The instance will send no more; gives whether it may still want to hear something."""

    def hold_back_caller(self, *, stuck: bool) -> None:
        """The instance reads more slowly than the caller sends, or has caught up."""
