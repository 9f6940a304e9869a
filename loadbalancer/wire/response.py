"""The head of an answer: as strict as for requests, since an instance can be wrong or taken over.

Section numbers are those of RFC 9112 where no other is named.
"""

from __future__ import annotations

import re
from typing import Final

from loadbalancer.wire import fields
from loadbalancer.wire.fields import CODING, CONNECTION, DATE, LENGTH, UPGRADE, Field, Lines
from loadbalancer.wire.heads import lines_of
from loadbalancer.wire.limits import Limits
from loadbalancer.wire.reject import bad

NO_CONTENT: Final = 204
NOT_MODIFIED: Final = 304
CONTINUING: Final = 100
SWITCHING: Final = 101
FINAL: Final = 200
"""Below this an answer is interim: another one follows (RFC 9110, section 15.2)."""

_STATUS = re.compile(rb"HTTP/1\.([01]) ([1-5][0-9][0-9])(?: ([\t\x20-\x7e\x80-\xff]*))?").fullmatch
_MEMO_STATUSES: Final = 256
_KEPT: Final = 64
_KEPT_BYTES: Final = 1_024
"""Of so many heads, none of them longer, it is remembered what they are."""


class ResponseHead:
    """What an instance answered, and how the answer's body is framed. Shared, so never changed.

    Attributes:
        line: the canonical status line, as HTTP/1.1.
        plain: canonical lines of the fields that are passed on as they are.
        bodyless: no body follows, whatever the fields say.
        chunked: the body is framed by chunks.
        length: bytes of the body by Content-Length; None if the answer has none.
        minor: 0 or 1, of the instance's HTTP version.
        dated: it says when it was made.
        keep_alive: the instance will take another request on this connection.
        raw: as it came, if another one may be held against it; `size` bytes.
    """

    __slots__ = (
        "bodyless",
        "chunked",
        "dated",
        "keep_alive",
        "length",
        "line",
        "minor",
        "plain",
        "raw",
        "size",
        "status",
        "upgrade",
        "writer",
        "written",
    )

    def __init__(self, status: int, line: bytes, minor: int, plain: list[bytes]) -> None:
        self.status = status
        self.line = line
        self.plain = plain
        self.length: int | None = None
        self.chunked = False
        self.bodyless = status < FINAL or status in (NO_CONTENT, NOT_MODIFIED)
        self.minor = minor
        self.dated = False
        self.keep_alive = minor == 1
        self.upgrade = b""
        self.raw = b""
        self.size = 0
        self.written = b""
        self.writer: object = None
        """As it was passed on, and by whom."""

    def and_line(self, line: bytes) -> ResponseHead:
        """The same with one more line that is passed on."""
        head = ResponseHead(self.status, self.line, self.minor, [*self.plain, line])
        head.length, head.chunked, head.bodyless = self.length, self.chunked, self.bodyless
        head.keep_alive, head.dated, head.upgrade = self.keep_alive, self.dated, self.upgrade
        return head

    def field(self, name: bytes) -> bytes:
        """The value of a field that is passed on, by its name in lower case; empty without it."""
        for line in self.plain:
            own, _, value = line.partition(b": ")
            if own.lower() == name:
                return value
        return b""

    @property
    def until_close(self) -> bool:
        """Only the end of the connection ends the body (section 6.3, rule 8)."""
        return not (self.bodyless or self.chunked or self.length is not None)


class ResponseParser:
    """Reads heads; remembers lines that it has seen and found good."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._lines = Lines(fields.RESPONSE_KINDS)
        self._statuses: dict[bytes, tuple[int, bytes, int]] = {}
        self._known: dict[bytes, ResponseHead] = {}
        """Some final heads by how they came: what comes on many connections is one and the same."""

    def read(self, raw: bytes, method: bytes) -> ResponseHead:
        """Reads the head, not yet cut into lines, of the answer to a request with this method.

        Raises:
            Reject: whatever its status, the caller gets a 502.
        """
        if method == b"HEAD" or len(raw) > _KEPT_BYTES:
            return self.parse(lines_of(raw), method)
        known = self._known.get(raw)
        if known is not None:
            return known
        head = self.parse(lines_of(raw), method)
        if head.status >= FINAL:
            head.raw, head.size = raw, len(raw)
            if len(self._known) >= _KEPT:
                self._known.clear()
            self._known[raw] = head
        return head

    def parse(self, lines: list[bytes], method: bytes) -> ResponseHead:
        """Reads the head of the answer to a request with this method.

        Raises:
            Reject: whatever its status, the caller gets a 502.
        """
        if len(lines) - 1 > self._limits.fields:
            raise bad(f"More than {self._limits.fields} fields")
        start = lines[0]
        status, line, minor = self._statuses.get(start) or self._learn(start)
        plain, special = self._lines.sort(lines[1:])
        head = ResponseHead(status, line, minor, plain)
        if special:
            _interpret(head, special, minor)
        if method == b"HEAD":
            head.bodyless = True
        if head.until_close:
            head.keep_alive = False
        return head

    def _learn(self, line: bytes) -> tuple[int, bytes, int]:
        match = _STATUS(line)
        if match is None:
            raise bad("The status line is not one of HTTP/1.1")
        canonical = b"HTTP/1.1 " + match[2] + b" " + (match[3] or b"")
        if len(self._statuses) >= _MEMO_STATUSES:
            self._statuses.clear()
        known = int(match[2]), canonical, int(match[1])
        self._statuses[line] = known
        return known


def _interpret(head: ResponseHead, special: list[Field], minor: int) -> None:  # noqa: C901, PLR0912 - a table
    coding: bytes | None = None
    connection: bytes | None = None
    for kind, line, value in special:
        if kind == LENGTH:
            if head.length is not None:
                raise bad("More than one Content-Length")
            head.length = fields.content_length(value)
        elif kind == CONNECTION:
            connection = value if connection is None else connection + b"," + value
        elif kind == CODING:
            coding = value if coding is None else coding + b"," + value
        elif kind == DATE:
            head.dated = True
            head.plain.append(line)
        elif kind == UPGRADE:
            head.upgrade = value
    if coding is not None:
        if head.length is not None:
            raise bad("Both Content-Length and Transfer-Encoding")
        if coding.lower() != b"chunked" or minor == 0:
            raise bad("Transfer-Encoding is not chunked")
        head.chunked = True
    if connection is None:
        head.upgrade = b""
    else:
        options = fields.connection_options(connection)
        head.keep_alive = fields.is_kept(options, minor)
        if not options.upgrade:
            head.upgrade = b""
        if options.named:
            head.plain = fields.without(head.plain, options.named)
    if (head.chunked or head.length) and (head.status < FINAL or head.status == NO_CONTENT):
        _frame_nothing(head)


def _frame_nothing(head: ResponseHead) -> None:
    """Sections 6.1 and 6.2: such an answer must not have a framing, and who sends one may mean it.

    After an interim one nobody knows where the next head begins; after 204 the connection is not
    used again, since a body may follow.
    """
    if head.status < FINAL:
        raise bad("An interim answer has a body")
    head.chunked, head.length, head.keep_alive = False, None, False
