"""Field lines: the grammar is checked once, and the verdict on a whole line is remembered.

Most lines of most requests repeat (Accept, User-Agent, Host), so a bounded memo of lines is far
cheaper than a pass over each of them. A line is remembered only after it was checked, together
with the canonical form in which it is passed on: `Name: value`.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, NamedTuple

from loadbalancer.wire.reject import bad

Field = tuple[int, bytes, bytes]
"""Kind, canonical line, value."""

PLAIN: Final = 0
"""Means nothing to us: passed on."""
HOP: Final = 1
"""Only for this connection (RFC 9110, section 7.6.1): not passed on."""
HOST: Final = 2
LENGTH: Final = 3
CODING: Final = 4
CONNECTION: Final = 5
UPGRADE: Final = 6
EXPECT: Final = 7
REQUEST_ID: Final = 8
TIMEOUT: Final = 9
KEY: Final = 10
FORWARDED_FOR: Final = 11
FORWARDED_OTHER: Final = 12
"""X-Forwarded-Proto, -Host, -Port and Forwarded: kept only where the caller is trusted."""
MAX_FORWARDS: Final = 13
DATE: Final = 14

_FRAMING: Final = {
    b"content-length": LENGTH,
    b"transfer-encoding": CODING,
    b"connection": CONNECTION,
    b"upgrade": UPGRADE,
    b"http2-settings": HOP,
    b"keep-alive": HOP,
    b"proxy-connection": HOP,
    b"te": HOP,
}
REQUEST_KINDS: Final = {
    **_FRAMING,
    b"host": HOST,
    b"expect": EXPECT,
    b"proxy-authorization": HOP,
    b"x-request-id": REQUEST_ID,
    b"x-request-timeout-ms": TIMEOUT,
    b"idempotency-key": KEY,
    b"max-forwards": MAX_FORWARDS,
    b"x-forwarded-for": FORWARDED_FOR,
    b"x-forwarded-proto": FORWARDED_OTHER,
    b"x-forwarded-host": FORWARDED_OTHER,
    b"x-forwarded-port": FORWARDED_OTHER,
    b"forwarded": FORWARDED_OTHER,
}
RESPONSE_KINDS: Final = {**_FRAMING, b"proxy-authenticate": HOP, b"date": DATE}

# Seldom the same twice, and secret or big: not worth a place in the memo.
_UNIQUE: Final = frozenset(
    {
        b"cookie",
        b"set-cookie",
        b"authorization",
        b"idempotency-key",
        b"x-request-id",
        b"traceparent",
    }
)

_TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+").fullmatch
has_control = re.compile(rb"[^\t\x20-\x7e\x80-\xff]").search
"""RFC 9110, section 5.5: what no value has."""
value_line = re.compile(rb"[!-~\x80-\xff][\t -~\x80-\xff]*+(?<![\t ])\r\n").match
"""A value without that and without blanks around it, to the end of its line."""

# Named by Connection, these would take the message's own meaning away.
_NEVER_HOP = frozenset({b"host", b"content-length", b"transfer-encoding", b"trailer"})
_CONNECTION_OPTIONS = frozenset({b"close", b"keep-alive", b"upgrade", b"te"})

_MEMO_LINES: Final = 4_096
_MEMO_LINE_BYTES: Final = 256
_MEMO_NAMES: Final = 1_024


def is_token(text: bytes) -> bool:
    """RFC 9110, section 5.6.2: what names of fields and methods are made of."""
    return _TOKEN(text) is not None


class Options(NamedTuple):
    """What a Connection field says (RFC 9112, section 9.3, and RFC 9110, section 7.6.1)."""

    close: bool
    keep_alive: bool
    upgrade: bool
    named: tuple[bytes, ...]
    """Fields, in lower case, that are meant for this connection alone."""


@lru_cache(maxsize=256)
def connection_options(value: bytes) -> Options:
    """Reads the value of Connection, or the values of several, joined by commas.

    Raises:
        Reject: it names a field that belongs to the message, or something that is no name: another
            reader may take `close;a` or `"close"` for the end of the connection.
    """
    members = {member for part in value.lower().split(b",") if (member := part.strip(b" \t"))}
    if not _NEVER_HOP.isdisjoint(members):
        raise bad("Connection names a field that belongs to the message")
    if not all(map(is_token, members)):
        raise bad("Connection is not a list of tokens")
    return Options(
        b"close" in members,
        b"keep-alive" in members,
        b"upgrade" in members,
        tuple(members - _CONNECTION_OPTIONS),
    )


def is_kept(options: Options, minor: int) -> bool:
    """Does the connection outlast this message of HTTP/1.`minor`?"""
    return not options.close and (minor == 1 or options.keep_alive)


class Lines:
    """Checks field lines and tells those with a meaning to us from those without."""

    __slots__ = ("_kinds", "_names", "_plain", "_special")

    def __init__(self, kinds: dict[bytes, int]) -> None:
        self._kinds = kinds
        self._plain: dict[bytes, bytes] = {}
        self._special: dict[bytes, Field] = {}
        self._names: dict[bytes, tuple[int, bool]] = {}

    def sort(self, lines: list[bytes]) -> tuple[list[bytes], list[Field]]:
        """Canonical plain lines in their order, and the fields that have a meaning to us.

        Raises:
            Reject: a line is not a field line (RFC 9112, section 5).
        """
        known, special_known = self._plain, self._special
        plain: list[bytes] = []
        special: list[Field] = []
        for line in lines:
            canonical = known.get(line)
            if canonical is not None:
                plain.append(canonical)
                continue
            field = special_known.get(line) or self.learn(line)
            if field[0] == PLAIN:
                plain.append(field[1])
            else:
                special.append(field)
        return plain, special

    def learn(self, line: bytes) -> Field:
        """Reads a line that need not have been seen before.

        Raises:
            Reject: it is not a field line (RFC 9112, section 5).
        """
        name, colon, rest = line.partition(b":")
        verdict = self._names.get(name)
        if verdict is None:
            verdict = self._learn_name(name, colon)
        elif not colon:
            raise bad("A field line has no colon")
        value = rest.strip(b" \t")
        if has_control(value):
            raise bad("A field value has a control character")
        kind, memorable = verdict
        written = line if rest == b" " + value else name + b": " + value
        field = (kind, written, value)
        if memorable and len(line) <= _MEMO_LINE_BYTES:
            if len(self._plain) + len(self._special) >= _MEMO_LINES:
                self._plain.clear()
                self._special.clear()
            if kind == PLAIN:
                self._plain[line] = field[1]
            else:
                self._special[line] = field
        return field

    def _learn_name(self, name: bytes, colon: bytes) -> tuple[int, bool]:
        if not colon:
            raise bad("A field line has no colon")
        if name[:1] in (b" ", b"\t"):
            raise bad("A field line is folded")
        if not is_token(name):
            raise bad("A field name is not a token")
        lower = name.lower()
        # A gateway behind us may read these as the names with hyphens: that would be a second
        # framing, or a claim about the caller that we have not looked at.
        if b"_" in lower and lower.replace(b"_", b"-") in self._kinds:
            raise bad("A field name looks like one that has a meaning to us")
        if len(self._names) >= _MEMO_NAMES:
            self._names.clear()
        verdict = (self._kinds.get(lower, PLAIN), lower not in _UNIQUE)
        self._names[name] = verdict
        return verdict


def without(plain: list[bytes], names: tuple[bytes, ...]) -> list[bytes]:
    """Drops the fields that a Connection field named as its own (RFC 9110, section 7.6.1)."""
    return [line for line in plain if line.partition(b":")[0].lower() not in names]


_MAX_DIGITS: Final = 18


def content_length(value: bytes) -> int:
    """One number, digits only: no sign, no list (RFC 9110, section 8.6).

    Raises:
        Reject: it is anything else.
    """
    if not value.isdigit() or len(value) > _MAX_DIGITS:
        raise bad("Content-Length is not one number")
    return int(value)
