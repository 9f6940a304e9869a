"""Heads as they come on one connection, most of them much like the one before.

A connection holds little of its own, and what many have alike is one and the same: with hundreds of
them, time goes into memory that the processor does not have at hand.
"""

from __future__ import annotations

from loadbalancer.wire.again import Again, Frame
from loadbalancer.wire.heads import HeadReader
from loadbalancer.wire.limits import Limits
from loadbalancer.wire.request import RequestHead, RequestParser
from loadbalancer.wire.response import ResponseHead, ResponseParser


class Requests:
    """Of a caller. `rest` is what came after the last head."""

    __slots__ = ("_again", "_frame", "_last", "_limits", "_parser", "_pieces", "rest")

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._pieces: HeadReader | None = None
        """Has what came of a head that is not complete."""
        self._again = Again()
        # Asked before that, since mostly they have the answer:
        self._frame: Frame | None = None
        self._last: RequestHead | None = None
        self._parser: RequestParser | None = None
        self.rest = b""

    @property
    def begun(self) -> bool:
        """Is there a piece of a head?"""
        return self._pieces is not None and self._pieces.begun

    def read(self, data: bytes, parser: RequestParser) -> RequestHead | None:
        """The next head, once all of it has come.

        Raises:
            Reject: with the status to answer; the connection is not usable after it.
        """
        pieces, last = self._pieces, self._last
        if pieces is None:
            frame = self._frame
            if frame is not None:
                head = frame.read(data, parser)
            elif last is not None and data == last.raw and parser is self._parser:
                head = last
            else:
                head = None
            if head is None and last is not None:
                head = self._again.read(data, parser)
                self._frame = self._again.frame
            if head is not None:
                self.rest = b""
                return head
            pieces = self._pieces = HeadReader(self._limits, skips_empty_line=True)
        raw = pieces.cut(data)
        if raw is None:
            return None
        self._pieces, self.rest = None, pieces.rest
        head = parser.read(raw)
        self._frame, self._last, self._parser = None, self._again.remember(head, parser), parser
        return head


class Answers:
    """Of an instance. `rest` is what came after the last head."""

    __slots__ = ("_last", "_limits", "_parser", "_pieces", "rest")

    def __init__(self, limits: Limits, parser: ResponseParser) -> None:
        self._limits = limits
        self._parser = parser
        self._pieces: HeadReader | None = None
        """Has what came of a head that is not complete."""
        self._last: ResponseHead | None = None
        """If it was final: within a second the next is often the same."""
        self.rest = b""

    def read(self, data: bytes, method: bytes) -> ResponseHead | None:
        """The next head of an answer to a request with this method, once all of it has come.

        Raises:
            Reject: whatever its status, the caller gets a 502.
        """
        last, pieces, body = self._last, self._pieces, method != b"HEAD"
        if pieces is None:
            if last is not None and body and data.startswith(last.raw):
                self.rest = data[last.size :]
                return last
            pieces = self._pieces = HeadReader(self._limits)
        raw = pieces.cut(data)
        if raw is None:
            return None
        self._pieces, self.rest = None, pieces.rest
        head = self._parser.read(raw, method)
        if head.raw:
            self._last = head
        return head
