"""Why a message is not taken."""

from __future__ import annotations


class Reject(Exception):
    """A message that is not understood, not allowed or too big.

    Of a request: it is answered with `status` and the connection is closed. Of an answer: the
    instance spoke nonsense, and the caller gets a 502 whatever `status` says.
    """

    def __init__(self, status: int, name: str, detail: str) -> None:
        super().__init__(f"{status} {name}: {detail}")
        self.status = status
        self.name = name
        self.detail = detail


def bad(detail: str) -> Reject:
    """The common case: the grammar forbids it, or it can be read in two ways."""
    return Reject(400, "bad-request", detail)
