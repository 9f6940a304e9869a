"""The next head on a connection is mostly the one before: only what differs is read.

Two heads are compared line by line. What may differ are the method, the path, and the values of
fields that are passed on, of X-Request-Id and of Idempotency-Key. Everything else, and whatever is
not plainly right, is left to `RequestParser`, which alone refuses: this is a short way to what it
would have said, and no second judge (tests/unit/loadbalancer/wire/test_again.py holds them against
each other).
"""

from __future__ import annotations

from operator import eq
from typing import Final

from loadbalancer.wire.fields import KEY, MAX_FORWARDS, PLAIN, REQUEST_ID
from loadbalancer.wire.reject import Reject
from loadbalancer.wire.request import RequestHead, RequestParser, is_request_id, start_line

_END: Final = b"\r\n\r\n"
_BYTES: Final = 4_096
"""Of a bigger head nothing is kept."""
_MISSES: Final = 16
"""After so many heads in a row that were another kind, this connection's are not compared."""
_NOWHERE: Final = -1


class Again:
    """The last head of a connection, and what of it may change."""

    __slots__ = ("_head", "_lines", "_misses", "_names", "_parser", "_places", "_raw")

    def __init__(self) -> None:
        self._raw = b""
        self._head: RequestHead | None = None
        self._parser: RequestParser | None = None
        self._misses = 0
        self._lines: list[bytes] = []
        self._names: list[bytes] = []
        """With the colon."""
        self._places: list[int] = []
        """Where in what is passed on a line is; NOWHERE if it is not, or is more than a value."""

    def remember(self, raw: bytes, head: RequestHead, parser: RequestParser) -> None:
        """The parser read this head: the next one may be like it."""
        self._lines = []
        if len(raw) <= _BYTES and self._misses < _MISSES:
            self._raw, self._head, self._parser = raw, head, parser
        else:
            self._raw, self._head = b"", None

    def read(self, data: bytes, parser: RequestParser) -> RequestHead | None:
        """The head, if the data is just that and like the last one; None: ask the parser."""
        before = self._head
        if before is None or parser is not self._parser:
            return None
        if data == self._raw:
            return before
        if not data.endswith(_END) or not parser.fits(data):
            return None
        try:
            head = self._compare(data.split(b"\r\n"), before, parser)
        except Reject:
            return None
        self._misses = 0 if head else self._misses + 1
        return head

    def _compare(
        self, lines: list[bytes], before: RequestHead, parser: RequestParser
    ) -> RequestHead | None:
        old = self._lines or self._take_apart(before, parser)
        if len(lines) != len(old):
            return None
        same = bytes(map(eq, lines, old))
        plain = before.plain.copy()
        request_id = before.request_id
        at = same.find(0, 1)
        while at > 0:
            line, place = lines[at], self._places[at]
            if place == _NOWHERE or not line.startswith(self._names[at]):
                return None
            kind, written, value = parser.lines.learn(line)
            if kind == REQUEST_ID:
                if not is_request_id(value):
                    return None
                request_id = value
            elif kind == KEY and not value:
                return None
            plain[place] = written
            at = same.find(0, at + 1)
        method, target, minor = start_line(lines[0])
        if minor != before.minor or target[0] != 0x2F:  # noqa: PLR2004 - "/"
            return None
        return before.but(method, target, plain, request_id)

    def _take_apart(self, head: RequestHead, parser: RequestParser) -> list[bytes]:
        """Finds out what may change; nothing, if the last head means more than its lines say."""
        lines = self._lines = self._raw.split(b"\r\n")
        self._names = [line[: line.find(b":") + 1] for line in lines]
        self._places = [_NOWHERE] * len(lines)
        kinds = set()
        for at, line in enumerate(lines[1:-2], 1):
            kind, written, value = parser.lines.learn(line)
            kinds.add(kind)
            passed_on = kind in (PLAIN, REQUEST_ID) or (kind == KEY and value)
            if passed_on and head.plain.count(written) == 1:
                self._places[at] = head.plain.index(written)
        if MAX_FORWARDS in kinds or not lines[0].split(b" ")[1].startswith(b"/"):
            self._lines = [b""]  # of no other head
        return self._lines
