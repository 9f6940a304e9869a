"""The body of a request, kept for as long as another try might need all of it."""

from __future__ import annotations

from loadbalancer.wire.body import Body


class Upload:
    """Takes the body's bytes as they come, and remembers up to `most` of them once they are sent.

    Attributes:
        whole: all that came so far is still here, so that it can be sent again.
    """

    __slots__ = ("_body", "_kept", "_most", "_size", "whole")

    def __init__(self, body: Body, most: int) -> None:
        self._body = body
        self._most = most
        self._kept: list[bytes] = []
        self._size = 0
        self.whole = True

    @property
    def done(self) -> bool:
        """Has all of it come?"""
        return self._body.done

    @property
    def rest(self) -> bytes:
        """What came after it."""
        return self._body.rest

    @property
    def long(self) -> bool:
        """Is it more than what is kept for another try?"""
        return self._size > self._most

    def feed(self, data: bytes) -> bytes:
        """Takes bytes, gives what to pass on.

        Raises:
            Reject: the framing is broken or the body is too big.
        """
        out = self._body.feed(data)
        if self.whole:
            self._kept.append(out)
            self._size += len(out)
        return out

    def send(self) -> bytes:
        """All that came so far, for a try that begins."""
        sent = b"".join(self._kept)
        self.sent()
        return sent

    def sent(self) -> None:
        """What came has been sent: if it is long, it need not be kept any more."""
        if self.long:
            self.whole = False
            self._kept.clear()
