"""Collecting the bytes of a head until its empty line, whatever pieces they come in."""

from __future__ import annotations

import re
from typing import Final

from loadbalancer.wire.limits import Limits
from loadbalancer.wire.reject import Reject, bad

_END: Final = b"\r\n\r\n"
_BARE = re.compile(rb"\r(?=[^\n])|(?<!\r)\n").search


class HeadReader:
    """Bytes in, the lines of a head out. `rest` is what came after the head.

    A head that is not complete is judged at each piece, so that nobody waits for the end of one
    that can only be refused; and the verdict does not depend on how the bytes were cut.
    """

    __slots__ = ("_held", "_limits", "_may_skip", "_skips_empty_line", "begun", "rest")

    def __init__(self, limits: Limits, *, skips_empty_line: bool = False) -> None:
        """Before a request one empty line is skipped (RFC 9112, section 2.2)."""
        self._limits = limits
        self._skips_empty_line = self._may_skip = skips_empty_line
        self._held = b""
        self.begun = False
        """There is a piece of a head."""
        self.rest = b""

    def feed(self, data: bytes) -> list[bytes] | None:
        """The start line and the field lines, once the head is complete.

        Raises:
            Reject: too long, or with a CR or LF of its own.
        """
        raw = self.cut(data)
        return None if raw is None else lines_of(raw)

    def cut(self, data: bytes) -> bytes | None:
        """The same, not yet cut into lines.

        Raises:
            Reject: too long, or with a CR or LF of its own.
        """
        held = self._held
        if held:
            data = held + data
        if self._may_skip and data[:2] == b"\r\n":
            data = data[2:]
            self._may_skip = False
        end = data.find(_END)
        if end < 0 or end + 4 > self._limits.head:
            self._judge(data, max(0, len(held) - 1))
            self._held = data
            self.begun = bool(data)
            return None
        self._held = b""
        self.begun = False
        self._may_skip = self._skips_empty_line
        end += 4
        self.rest = data[end:]
        if end > self._limits.start_line:
            self._judge(data[:end], 0)
        return data[:end]  # all of it is no copy

    def _judge(self, data: bytes, seen: int) -> None:
        """Whatever is wrong first, byte by byte, is what counts."""
        limits = self._limits
        most = limits.start_line + 2
        start_too_long = len(data) >= most and data.find(b"\r\n", 0, most) < 0
        if _BARE(data, seen, most if start_too_long else limits.head + 1):
            raise bad("A CR or LF stands alone")
        if start_too_long:
            raise Reject(414, "uri-too-long", "The request line is too long")
        if len(data) > limits.head:
            raise Reject(431, "head-too-large", "The head is too large")


def lines_of(raw: bytes) -> list[bytes]:
    """The start line and the field lines of a complete head, without the empty line."""
    lines = raw.split(b"\r\n")
    del lines[-2:]
    return lines


def has_bare_newline(lines: list[bytes]) -> bool:
    """Does a CR or LF stand alone in a head that was cut into lines?"""
    return any(b"\r" in line or b"\n" in line for line in lines)
