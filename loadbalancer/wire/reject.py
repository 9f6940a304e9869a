"""Why a message is not taken."""

from __future__ import annotations

from typing import NamedTuple


class Problem(NamedTuple):
    """What is told to a caller (RFC 9457): its status, its type in short, and what happened."""

    status: int
    name: str
    detail: str


class Reject(Exception):
    """A message that is not understood, not allowed or too big.

    Of a request: it is answered with the problem and the connection is closed. Of an answer: the
    instance spoke nonsense, and the caller gets a 502 whatever the problem says.
    """

    def __init__(self, status: int, name: str, detail: str) -> None:
        super().__init__(f"{status} {name}: {detail}")
        self.problem = Problem(status, name, detail)

    @property
    def status(self) -> int:
        """Of the answer to a request."""
        return self.problem.status


def bad(detail: str) -> Reject:
    """The common case: the grammar forbids it, or it can be read in two ways."""
    return Reject(400, "bad-request", detail)
