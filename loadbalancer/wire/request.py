"""The head of a request: read strictly, judged whole.

Section numbers are those of RFC 9112 where no other is named.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import lru_cache
from ipaddress import IPv6Address
from typing import TYPE_CHECKING, Final

from loadbalancer.wire import fields
from loadbalancer.wire.fields import (
    CODING,
    CONNECTION,
    EXPECT,
    FORWARDED_FOR,
    FORWARDED_OTHER,
    HOST,
    KEY,
    LENGTH,
    MAX_FORWARDS,
    REQUEST_ID,
    TIMEOUT,
    UPGRADE,
    Field,
    Lines,
)
from loadbalancer.wire.heads import has_bare_newline, lines_of
from loadbalancer.wire.limits import Limits
from loadbalancer.wire.reject import Reject, bad

if TYPE_CHECKING:
    from loadbalancer.wire.again import Frame

# RFC 3986, and in the query what browsers leave as it is (URL standard, query percent-encode set).
_PATH = rb"/[A-Za-z0-9\-._~!$&'()*+,;=:@%/]*+"
_QUERY = rb"(?:\?[A-Za-z0-9\-._~!$&'()*+,;=:@%/?\[\]{}|^`\\]*+)?+"
_TARGET = re.compile(_PATH + _QUERY).fullmatch
_METHODS = rb"(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS)"
usual_start = re.compile(_METHODS + rb" (" + _PATH + _QUERY + rb") HTTP/1\.1\r\n").match
"""A request line as nearly all are, at the beginning of a head: the method and the target."""
_ABSOLUTE = re.compile(rb"https?://([^/?#]*)((?:/[^?]*)?(?:\?.*)?)", re.IGNORECASE).fullmatch
_VERSION = re.compile(rb"HTTP/[0-9]\.[0-9]").fullmatch
# Of what RFC 3986 allows in a name, only what names are made of: a comma would be read as a list.
_HOST = re.compile(rb"([A-Za-z0-9\-._~]+|\[[0-9A-Fa-f:.]+\])(?::([0-9]{0,5}))?").fullmatch
_REQUEST_ID = rb"[A-Za-z0-9._\-]{1,128}"
is_request_id = re.compile(_REQUEST_ID).fullmatch
"""What may be a name for a request: it ends up in logs."""
request_id_line = re.compile(_REQUEST_ID + rb"\r\n").match
"""The same, to the end of its line."""
_MILLISECONDS = _HOPS = re.compile(rb"[0-9]{1,9}").fullmatch
_MAX_METHOD: Final = 32
_MAX_PORT: Final = 65_535
_KEPT: Final = 64
_KEPT_BYTES: Final = 4_096
"""Of so many heads, none of them longer, it is remembered what they are."""

# RFC 9110, section 9.2.2: doing it twice has the effect of doing it once.
_IDEMPOTENT: Final = frozenset({b"GET", b"HEAD", b"OPTIONS", b"PUT", b"DELETE", b"TRACE"})


class RequestHead:
    """What a request asks for, and how its body is framed. Shared, so never changed.

    Attributes:
        minor: 0 or 1, of the caller's HTTP version.
        plain: canonical lines of the fields that are passed on as they are, some of them joined.
        length: bytes of the body; 0 without one, None if it is chunked.
        forwarded: canonical lines of the caller's own claims about who asked before it.
        keyed: it carries an Idempotency-Key.
        repeatable: a second run of it does no harm.
        timeout_ms: what is left of the caller's patience, if it said so.
        raw: as it came, if another one may be held against it.
    """

    __slots__ = (
        "expects_continue",
        "forwarded",
        "forwarded_for",
        "host",
        "host_name",
        "keep_alive",
        "keyed",
        "length",
        "method",
        "minor",
        "plain",
        "raw",
        "repeatable",
        "request_id",
        "target",
        "timeout_ms",
        "upgrade",
    )

    def __init__(self, method: bytes, target: bytes, minor: int, plain: list[bytes]) -> None:
        self.method = method
        self.target = target
        self.minor = minor
        self.plain = plain
        self.host = b""
        self.host_name = b""
        self.length: int | None = 0
        self.keep_alive = minor == 1
        self.keyed = False
        self.repeatable = method in _IDEMPOTENT
        self.expects_continue = False
        self.upgrade = b""
        self.request_id = b""
        self.timeout_ms: int | None = None
        self.forwarded_for = b""
        self.forwarded: list[bytes] | None = None
        self.raw = b""

    @property
    def lines(self) -> list[bytes]:
        """Canonical lines of the fields that are passed on as they are, one by one."""
        return b"\r\n".join(self.plain).split(b"\r\n")

    @property
    def path(self) -> bytes:
        """The target without its query."""
        return self.target.partition(b"?")[0]


class Like(RequestHead):
    """The same as another, with a method, path, and values of fields passed on of its own.

    Each attribute is set once: that is a tenth of a microsecond.
    """

    __slots__ = ()

    def __init__(
        self,
        other: RequestHead,
        method: bytes,
        target: bytes,
        plain: list[bytes],
        request_id: bytes,
    ) -> None:
        self.method = method
        self.target = target
        self.plain = plain
        self.request_id = request_id
        self.minor = other.minor
        self.host = other.host
        self.host_name = other.host_name
        self.length = other.length
        self.keep_alive = other.keep_alive
        self.keyed = keyed = other.keyed
        self.repeatable = keyed or method in _IDEMPOTENT
        self.expects_continue = other.expects_continue
        self.upgrade = other.upgrade
        self.timeout_ms = other.timeout_ms
        self.forwarded_for = other.forwarded_for
        self.forwarded = other.forwarded
        self.raw = b""


class RequestParser:
    """Reads heads; remembers lines that it has seen and found good."""

    def __init__(self, limits: Limits, upgrades: Collection[bytes] | None = None) -> None:
        """`upgrades`: protocols, in lower case, that may take over a connection; None for any."""
        self._limits = limits
        self._upgrades = upgrades
        self.lines = Lines(fields.REQUEST_KINDS)
        self._known: dict[bytes, RequestHead] = {}
        """Some heads by how they came: what comes on many connections is one and the same."""
        self.frames: dict[object, Frame] = {}
        """See `wire/again.py`: where only the same values vary, connections share one."""
        self.fitting = min(limits.head, limits.start_line)
        """No line of a head of so many bytes is too long."""

    def read(self, raw: bytes) -> RequestHead:
        """Reads a head that is not yet cut into lines.

        Raises:
            Reject: with the status to answer; the connection is not usable after it.
        """
        known = self._known.get(raw)
        if known is not None:
            return known
        head = self.parse(lines_of(raw))
        if len(raw) <= _KEPT_BYTES:
            head.raw = raw
            if len(self._known) >= _KEPT:
                self._known.clear()
            self._known[raw] = head
        return head

    def parse(self, lines: list[bytes]) -> RequestHead:
        """Reads a head: its request line and its field lines.

        Raises:
            Reject: with the status to answer; the connection is not usable after it.
        """
        try:
            return self._parse(lines)
        except Reject:
            # Whatever else is wrong: where lines end is what everything depends on.
            if has_bare_newline(lines):
                raise bad("A CR or LF stands alone") from None
            raise

    def _parse(self, lines: list[bytes]) -> RequestHead:
        limits = self._limits
        if len(lines) - 1 > limits.fields:
            raise Reject(431, "too-many-fields", f"More than {limits.fields} fields")
        method, target, minor = start_line(lines[0])
        plain, special = self.lines.sort(lines[1:])
        head = RequestHead(method, target, minor, plain)
        _interpret(head, special)
        head.repeatable = head.keyed or method in _IDEMPOTENT
        upgrades = self._upgrades
        if head.upgrade and upgrades is not None and head.upgrade.lower() not in upgrades:
            head.upgrade = b""
        if not head.host and minor:
            raise bad("No Host")
        if not target.startswith(b"/"):
            _other_form(head)
        if head.length is not None and head.length > limits.body:
            raise Reject(413, "body-too-large", f"More than {limits.body} bytes")
        return head


def _interpret(head: RequestHead, special: list[Field]) -> None:  # noqa: C901, PLR0912 - a table
    sized = has_key = False
    coding: bytes | None = None
    connection: bytes | None = None
    for kind, line, value in special:
        if kind == HOST:
            if head.host:
                raise bad("More than one Host")
            head.host = value
            head.host_name = _host_name(value)
        elif kind == CONNECTION:
            connection = value if connection is None else connection + b"," + value
        elif kind == LENGTH:
            if sized:
                raise bad("More than one Content-Length")
            sized = True
            head.length = fields.content_length(value)
        elif kind == REQUEST_ID:
            if not head.request_id and is_request_id(value):
                head.request_id = value
                head.plain.append(line)
        elif kind == KEY:
            if has_key:
                raise bad("More than one Idempotency-Key")
            has_key = True
            head.keyed = bool(value)
            head.plain.append(line)
        elif kind == TIMEOUT:
            if _MILLISECONDS(value):
                given, before = int(value), head.timeout_ms
                head.timeout_ms = given if before is None else min(given, before)
        elif kind == CODING:
            coding = value if coding is None else coding + b"," + value
        elif kind == FORWARDED_FOR:
            known = head.forwarded_for
            head.forwarded_for = known + b", " + value if known else value
        elif kind == FORWARDED_OTHER:
            head.forwarded = [*(head.forwarded or ()), line]
        elif kind == EXPECT:
            if value.lower() != b"100-continue":
                raise Reject(417, "expectation-failed", "Only 100-continue can be expected")
            # Of an HTTP/1.0 client it means nothing (RFC 9110, section 10.1.1).
            head.expects_continue = head.minor == 1
        elif kind == MAX_FORWARDS:
            head.plain.append(_one_hop_less(head.method, line, value))
        elif kind == UPGRADE:
            head.upgrade = head.upgrade + b"," + value if head.upgrade else value
    if coding is not None:
        _transfer_coding(head, coding, sized)
    if connection is not None:
        _connection(head, connection)
    else:
        head.upgrade = b""


def _one_hop_less(method: bytes, line: bytes, value: bytes) -> bytes:
    """RFC 9110, section 7.6.2: how far these two may go is counted down; other methods go on."""
    if method not in (b"TRACE", b"OPTIONS"):
        return line
    if not _HOPS(value):
        raise bad("Max-Forwards is not one number")
    if not int(value):
        raise Reject(501, "method-not-implemented", "This method is not answered here")
    return b"Max-Forwards: %d" % (int(value) - 1)


def start_line(line: bytes) -> tuple[bytes, bytes, int]:
    """Section 3: method, one space, target, one space, version.

    Raises:
        Reject: it is not that, or not of HTTP/1.1 or 1.0.
    """
    parts = line.split(b" ")
    if len(parts) != 3:  # noqa: PLR2004 - see above
        raise bad("The request line is not method, target and version")
    method, target, version = parts
    if version == b"HTTP/1.1":
        minor = 1
    elif version == b"HTTP/1.0":
        minor = 0
    elif _VERSION(version):
        raise Reject(505, "version-not-supported", "Only HTTP/1.1 and HTTP/1.0")
    else:
        raise bad("The version is not one of HTTP")
    if method not in _IDEMPOTENT and method != b"POST":
        if not fields.is_token(method):
            raise bad("The method is not a token")
        if len(method) > _MAX_METHOD or method == b"CONNECT":
            raise Reject(501, "method-not-implemented", "This method is not implemented")
    if not target:
        raise bad("The target is empty")
    if target.startswith(b"/") and not _TARGET(target):
        raise bad("The target has a character that must be encoded")
    return method, target, minor


def _other_form(head: RequestHead) -> None:
    """Sections 3.2.2 and 3.2.4: a whole URL, which names the host itself, or `*`."""
    if head.target == b"*":
        if head.method != b"OPTIONS":
            raise bad("The target * is for OPTIONS alone")
        return
    match = _ABSOLUTE(head.target)
    if match is None:
        raise bad("The target is neither a path nor a URL of http")
    authority, rest = match[1], match[2]
    name = _host_name(authority)
    if head.host and head.host.lower() != authority.lower():
        raise bad("The target and Host name different hosts")
    head.host, head.host_name = authority, name
    if not rest and head.method == b"OPTIONS":
        head.target = b"*"
        return
    head.target = rest if rest.startswith(b"/") else b"/" + rest
    if not _TARGET(head.target):
        raise bad("The target has a character that must be encoded")


@lru_cache(maxsize=1_024)
def _host_name(value: bytes) -> bytes:
    """The name in a Host, in lower case and without the port (section 3.2)."""
    match = _HOST(value)
    if match is None or (match[2] and int(match[2]) > _MAX_PORT):
        raise bad("Host is not a host name and port")
    if value.startswith(b"["):
        try:
            IPv6Address(match[1][1:-1].decode())
        except ValueError:
            raise bad("Host is not an address of IPv6") from None
    return match[1].lower()


def _transfer_coding(head: RequestHead, coding: bytes, sized: bool) -> None:
    """Section 6: only `chunked`, once, and never beside a length."""
    if sized:
        raise bad("Both Content-Length and Transfer-Encoding")
    if head.minor == 0:
        raise bad("Transfer-Encoding in HTTP/1.0")
    if coding.lower() != b"chunked":
        codings = [part.strip(b" \t") for part in coding.lower().split(b",")]
        honest = codings[-1] == b"chunked" and codings.count(b"chunked") == 1
        if honest and len(codings) > 1 and all(map(fields.is_token, codings)):
            raise Reject(501, "coding-not-implemented", "Only chunked is implemented")
        raise bad("Transfer-Encoding is not chunked")
    head.length = None


def _connection(head: RequestHead, connection: bytes) -> None:
    options = fields.connection_options(connection)
    head.keep_alive = fields.is_kept(options, head.minor)
    if not options.upgrade or head.minor == 0:
        head.upgrade = b""
    if not options.named:
        return
    head.plain = fields.without(head.plain, options.named)
    if b"idempotency-key" in options.named:
        head.keyed = False
    if b"x-request-id" in options.named:
        head.request_id = b""
