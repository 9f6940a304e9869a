"""The next head on a connection is mostly the one before: only what differs is read.

1. Two heads are compared line by line. What may differ are the method, the path, and the values of
   fields that are passed on, of X-Request-Id and of Idempotency-Key.
2. Lines that differed once are likely to differ again: from then on the others are compared as the
   blocks of bytes between them, and are not even cut apart.
3. Everything else, and whatever is not plainly right, is left to `RequestParser`, which alone
   refuses. This is a short way to what it would have said, and no second judge:
   tests/unit/loadbalancer/wire/test_again.py holds them against each other.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from operator import eq
from typing import Final

from loadbalancer.wire.fields import KEY, MAX_FORWARDS, PLAIN, REQUEST_ID, value_line
from loadbalancer.wire.reject import Reject
from loadbalancer.wire.request import (
    Like,
    RequestHead,
    RequestParser,
    is_request_id,
    request_id_line,
    start_line,
    usual_start,
)

_END: Final = b"\r\n\r\n"
_CRLF: Final = b"\r\n"
_MISSES: Final = 16
"""After so many heads in a row that were another kind, this connection's are not compared."""
_NOWHERE: Final = -1
_FRAMES: Final = 64
"""So many kinds of heads are known at once."""
_ID_AT: Final = len("X-Request-Id: ")


class Again:
    """The last head of a connection, and what of it may change."""

    __slots__ = ("_head", "_kinds", "_lines", "_misses", "_names", "_parser", "_places",
                 "_varied", "frame")  # fmt: skip

    def __init__(self) -> None:
        self._head: RequestHead | None = None
        self._parser: RequestParser | None = None
        self._misses = 0
        # Of each line:
        self._lines: list[bytes] = []
        self._names: list[bytes] = []  # with the colon
        self._kinds: list[int] = []
        self._places: list[int] = []  # in what is passed on; NOWHERE if it is more than a value
        # Once it is known which lines differ:
        self._varied: set[int] = set()
        self.frame: Frame | None = None
        """To be asked first."""

    def remember(self, head: RequestHead, parser: RequestParser) -> RequestHead | None:
        """The parser read this head: the next one may be like it. Gives it, if so."""
        self._lines, self.frame = [], None
        self._varied.clear()
        kept = head.raw and self._misses < _MISSES
        self._head, self._parser = head if kept else None, parser
        return self._head

    def read(self, data: bytes, parser: RequestParser) -> RequestHead | None:
        """The head, if the data is just that and like the last one; None: ask the parser."""
        before = self._head
        if before is None or parser is not self._parser or len(data) > parser.fitting:
            return None
        if data == before.raw:
            return before
        if not data.endswith(_END):
            return None
        try:
            head = self._compare(data.split(_CRLF), before, parser)
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
        varied = self._varied.copy()
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
            varied.add(at)
            at = same.find(0, at + 1)
        method, target, minor = start_line(lines[0])
        if minor != before.minor or not target.startswith(b"/"):
            return None
        if varied != self._varied or self.frame is None:
            self._varied = varied
            self.frame = self._frame_of(sorted(varied), before, parser)
        return Like(before, method, target, plain, request_id)

    def _take_apart(self, head: RequestHead, parser: RequestParser) -> list[bytes]:
        """Finds out what may change; nothing, if the last head means more than its lines say."""
        lines = self._lines = head.raw.split(_CRLF)
        self._names = [line[: line.find(b":") + 1] for line in lines]
        self._places = [_NOWHERE] * len(lines)
        self._kinds = [PLAIN] * len(lines)
        for at, line in enumerate(lines[1:-2], 1):
            kind, written, value = parser.lines.learn(line)
            self._kinds[at] = kind
            passed_on = kind in (PLAIN, REQUEST_ID) or (kind == KEY and value)
            if passed_on and head.plain.count(written) == lines.count(line) == 1:
                self._places[at] = head.plain.index(written)
        if MAX_FORWARDS in self._kinds or not lines[0].split(b" ")[1].startswith(b"/"):
            self._lines = [b""]  # of no other head
        return self._lines

    def _frame_of(
        self, varied: list[int], before: RequestHead, parser: RequestParser
    ) -> Frame | None:
        """The blocks between these lines, as they come and as they are passed on."""
        if not before.minor:
            return None
        gaps: list[Gap] = []
        places = [self._places[at] for at in varied]
        passed = _Blocks(before.plain, places)
        named = _NOWHERE
        begin = 1
        for at in varied:
            name = self._names[at] + b" "
            block = b"".join(line + _CRLF for line in self._lines[begin:at]) + name
            place = passed.of(self._places[at])
            value = value_line
            if self._kinds[at] == REQUEST_ID:
                value, named = request_id_line, place
            gaps.append((block, len(block), len(name), value, place))
            begin = at + 1
        tail = _CRLF.join(self._lines[begin:])
        if len(parser.frames) >= _FRAMES:
            parser.frames.clear()
        key = tuple(gaps), tail, passed.fixed
        return parser.frames.setdefault(
            key, Frame(before, parser, gaps, tail, passed.blocks, named)
        )


class _Blocks:
    """Lines that are passed on, joined but for those at some places."""

    def __init__(self, plain: list[bytes], places: list[int]) -> None:
        self.blocks: list[bytes] = []
        self._places: dict[int, int] = {}
        run: list[bytes] = []
        for at, line in enumerate(plain):
            if at not in places:
                run.append(line)
                continue
            if run:
                self.blocks.append(_CRLF.join(run))
                run = []
            self._places[at] = len(self.blocks)
            self.blocks.append(line)
        if run:
            self.blocks.append(_CRLF.join(run))

    def of(self, place: int) -> int:
        """Where the line at this place is now."""
        return self._places[place]

    @property
    def fixed(self) -> tuple[bytes, ...]:
        """All but the lines at those places."""
        apart = self._places.values()
        return tuple(block for at, block in enumerate(self.blocks) if at not in apart)


Gap = tuple[bytes, int, int, Callable[[bytes, int], re.Match[bytes] | None], int]
"""A line that varies (a mere tuple is taken apart quickest):

1. the block of bytes before its value, from the last line that varies on,
2. the block's size,
3. the length of the line's name with colon and space, at the end of the block,
4. what matches such a value, to the end of its line,
5. the place of the line in what is passed on.
"""


class Frame:
    """A head of HTTP/1.1 with gaps for the values that vary."""

    __slots__ = ("_before", "_gaps", "_named", "_parser", "_plain", "_tail")

    def __init__(  # noqa: PLR0917 - made in one place
        self,
        before: RequestHead,
        parser: RequestParser,
        gaps: list[Gap],
        tail: bytes,
        plain: list[bytes],
        named: int,
    ) -> None:
        """`named`: the place of an X-Request-Id that varies, or nowhere."""
        self._before = before
        self._parser = parser
        self._gaps = gaps
        self._tail = tail
        self._plain = plain
        self._named = named

    def read(self, data: bytes, parser: RequestParser) -> RequestHead | None:
        """The head, if only method, path and these values differ, and each is as it is written."""
        start = usual_start(data)
        if start is None or parser is not self._parser or len(data) > parser.fitting:
            return None
        at = start.end()
        plain = self._plain.copy()
        for block, size, name, value, place in self._gaps:
            if not data.startswith(block, at):
                return None
            at += size
            match = value(data, at)
            if match is None:
                return None
            begin, at = at - name, match.end()
            plain[place] = data[begin : at - 2]
        if data[at:] != self._tail:
            return None
        before, named = self._before, self._named
        request_id = before.request_id if named < 0 else plain[named][_ID_AT:]
        return Like(before, start[1], start[2], plain, request_id)
