"""The bodies of messages: how far they go, and the canonical bytes that are passed on.

Each reader takes bytes as they come and gives back what to pass on. Where a piece is already in
canonical form, what comes back is the very object that came in: nothing is copied.
"""

from __future__ import annotations

import re
from typing import Final, Protocol

from loadbalancer.wire.fields import Lines
from loadbalancer.wire.limits import Limits
from loadbalancer.wire.reject import Reject, bad


class Body(Protocol):
    """What follows a head. `done` once it is whole; `rest` is then what came after it."""

    done: bool
    rest: bytes

    def feed(self, data: bytes) -> bytes:
        """Takes bytes, gives what to pass on.

        Raises:
            Reject: the framing is broken or the body is too big.
        """
        ...  # pragma: no cover


class LengthBody:
    """As many bytes as Content-Length says."""

    __slots__ = ("_left", "done", "rest")

    def __init__(self, length: int) -> None:
        self._left = length
        self.done = length == 0
        self.rest = b""

    def feed(self, data: bytes) -> bytes:
        """Takes bytes, gives those that belong to the body."""
        self._left -= len(data)
        if self._left > 0:
            return data
        self.done = True
        if self._left == 0:
            return data
        self.rest = data[self._left :]
        return data[: self._left]


class UntilClose:
    """Everything until the connection ends: only answers can be framed so."""

    __slots__ = ("done", "rest")

    def __init__(self) -> None:
        self.done = False
        self.rest = b""

    def feed(self, data: bytes) -> bytes:
        """All of it belongs to the body."""
        return data


_NEWLINE = re.compile(rb"[\r\n]").search

_SIZE: Final = 0
_DATA: Final = 1
_DATA_END: Final = 2
_TRAILER: Final = 3

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_QUOTED = rb'"(?:[\t \x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t\x20-\x7e\x80-\xff])*"'
_CHUNK_LINE = re.compile(
    rb"([0-9A-Fa-f]{1,15})"
    rb"(?:[ \t]*;[ \t]*" + _TOKEN + rb"(?:[ \t]*=[ \t]*(?:" + _TOKEN + rb"|" + _QUOTED + rb"))?)*"
).fullmatch
# What would change how the message is read, routed, allowed or cached has no place after it (RFC
# 9110, 6.5.1, and the list of RFC 7230, 4.1.2): one reader heeds it, another has decided already.
_NO_TRAILERS = frozenset(
    {b"authorization", b"set-cookie", b"trailer", b"content-type", b"content-encoding", b"host",
     b"idempotency-key", b"cookie", b"max-forwards", b"cache-control", b"content-range", b"via",
     b"www-authenticate", b"proxy-authenticate", b"if-match", b"if-none-match", b"if-range",
     b"if-modified-since", b"if-unmodified-since", b"range", b"pragma", b"age", b"date", b"expires",
     b"location", b"retry-after", b"vary", b"warning"}
)  # fmt: skip


class ChunkedBody:
    """Chunks (RFC 9112, section 7.1), their sizes written anew and their extensions dropped.

    With `decode` only the payload comes back: for HTTP/1.0, which knows no chunks.
    """

    __slots__ = (
        "_decode", "_held", "_left", "_limit", "_limits", "_lines", "_out", "_state",
        "_trailer_bytes", "_trailers", "done", "rest",
    )  # fmt: skip

    def __init__(
        self, limits: Limits, lines: Lines, *, limit: int | None = None, decode: bool = False
    ) -> None:
        """`limit`: bytes of payload at most; None for no limit."""
        self._limits = limits
        self._lines = lines
        self._limit = limit
        self._decode = decode
        self._state = _SIZE
        self._held = b""
        self._left = 0
        self._out: list[bytes] = []
        self._trailers: list[bytes] = []
        self._trailer_bytes = 0
        self.done = False
        self.rest = b""

    def feed(self, data: bytes) -> bytes:  # noqa: C901 - one loop, so that nothing is copied
        """Takes bytes, gives the canonical form of the chunks in them."""
        if self._held:
            data = self._held + data
            self._held = b""
        pos, size = 0, len(data)
        kept = 0  # where the run begins that can be passed on as it is
        out = self._out
        while pos < size and not self.done:
            state = self._state
            if state == _DATA:
                took = min(self._left, size - pos)
                pos += took
                self._left -= took
                if not self._left:
                    self._state = _DATA_END
                continue
            end = data.find(b"\r\n", pos)
            if end < 0:
                self._incomplete(data[pos:], state)
                out.append(data[kept:pos])
                self._held = data[pos:]
                kept = pos = size
                break
            line, after = data[pos:end], end + 2
            if state == _DATA_END:
                if line:
                    raise bad("A chunk is longer than its size")
                self._state = _SIZE
                written = b""
                canonical = not self._decode
            elif state == _SIZE:
                written = self._size_line(line)
                canonical = written == data[pos:after]
            else:
                written = self._trailer_line(line)
                canonical = False
            if not canonical:
                out += (data[kept:pos], written)
                kept = after
            pos = after
        if not out:
            return data if kept == 0 and pos == size else data[kept:pos]
        out.append(data[kept:pos])
        whole = b"".join(out)
        out.clear()
        if self.done:
            self.rest = data[pos:]
        return whole

    def _size_line(self, line: bytes) -> bytes:
        limits = self._limits
        match = _CHUNK_LINE(line) if len(line) <= limits.chunk_line else None
        if match is None:
            raise bad("A chunk's size is not one hexadecimal number")
        size = int(match[1], 16)
        if size == 0:
            self._state = _TRAILER
            return b""  # written when it is known what trails
        if self._limit is not None:
            self._limit -= size
            if self._limit < 0:
                raise Reject(413, "body-too-large", f"More than {limits.body} bytes")
        self._left = size
        self._state = _DATA
        return b"" if self._decode else b"%x\r\n" % size

    def _trailer_line(self, line: bytes) -> bytes:
        if not line:
            self.done = True
            return b"" if self._decode else b"\r\n".join((b"0", *self._trailers, b"\r\n"))
        self._measure_trailer(line)
        self._trailer_bytes += len(line) + 2
        if len(self._trailers) >= self._limits.fields:
            raise Reject(431, "trailers-too-large", "Too many trailers")
        plain, special = self._lines.sort([line])
        if special or plain[0].partition(b":")[0].lower() in _NO_TRAILERS:
            raise bad("A trailer has a meaning that only a head's field may have")
        self._trailers += plain
        return b""

    def _incomplete(self, line: bytes, state: int) -> None:
        """A line whose end has not come: can it still become a good one?"""
        line = line.removesuffix(b"\r")
        if state == _TRAILER:
            self._measure_trailer(line)
        elif len(line) > (self._limits.chunk_line if state == _SIZE else 0) or _NEWLINE(line):
            raise bad("A line of the chunked framing is broken")

    def _measure_trailer(self, line: bytes) -> None:
        """The verdict must not depend on how much of a line has come."""
        room = self._limits.head - self._trailer_bytes
        if _NEWLINE(line, 0, room + 1):
            raise bad("A CR or LF stands alone")
        if len(line) > room:
            raise Reject(431, "trailers-too-large", "The trailers are too large")
