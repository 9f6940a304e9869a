"""Heads as they come on one connection, most of them much like the one before."""

from __future__ import annotations

from typing import Final

from loadbalancer.wire.again import Again
from loadbalancer.wire.heads import HeadReader
from loadbalancer.wire.limits import Limits
from loadbalancer.wire.request import RequestHead, RequestParser
from loadbalancer.wire.response import FINAL, ResponseHead, ResponseParser

_KEPT_BYTES: Final = 1_024


class Requests:
    """Of a caller. `rest` is what came after the last head."""

    __slots__ = ("_again", "_heads", "rest")

    def __init__(self, limits: Limits) -> None:
        self._heads = HeadReader(limits, skips_empty_line=True)
        self._again = Again()
        self.rest = b""

    @property
    def begun(self) -> bool:
        """Is there a piece of a head?"""
        return self._heads.begun

    def read(self, data: bytes, parser: RequestParser) -> RequestHead | None:
        """The next head, once all of it has come.

        Raises:
            Reject: with the status to answer; the connection is not usable after it.
        """
        heads, again = self._heads, self._again
        if heads.fresh:
            frame = again.frame
            if frame is None or (head := frame.read(data, parser)) is None:
                head = again.read(data, parser)
            if head is not None:
                self.rest = b""
                return head
        raw = heads.cut(data)
        if raw is None:
            return None
        head = parser.read(raw)
        again.remember(raw, head, parser)
        self.rest = heads.rest
        return head


class Answers:
    """Of an instance. `rest` is what came after the last head."""

    __slots__ = ("_head", "_heads", "_parser", "_raw", "_size", "rest")

    def __init__(self, limits: Limits, parser: ResponseParser) -> None:
        self._heads = HeadReader(limits)
        self._parser = parser
        self._raw = b""
        self._size = 0
        self._head: ResponseHead | None = None
        """The last one, if it was final: within a second the next is often the same."""
        self.rest = b""

    def read(self, data: bytes, method: bytes) -> ResponseHead | None:
        """The next head of an answer to a request with this method, once all of it has come.

        Raises:
            Reject: whatever its status, the caller gets a 502.
        """
        heads, last, body = self._heads, self._head, method != b"HEAD"
        if last is not None and body and data.startswith(self._raw) and not heads.begun:
            self.rest = data[self._size :]
            return last
        raw = heads.cut(data)
        if raw is None:
            return None
        head = self._parser.read(raw, method)
        if body and head.status >= FINAL and len(raw) <= _KEPT_BYTES:
            self._raw, self._size, self._head = raw, len(raw), head
        self.rest = heads.rest
        return head
