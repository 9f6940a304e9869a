"""Heads as they are passed on, and the answers that the balancer gives itself."""

from __future__ import annotations

import json
import secrets
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from time import time
from typing import Final

from loadbalancer.wire.forwarded import Teller
from loadbalancer.wire.reject import Problem
from loadbalancer.wire.request import RequestHead
from loadbalancer.wire.response import NO_CONTENT, ResponseHead

_CRLF: Final = b"\r\n"
_MEMO: Final = 1_024
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Hop:
    """Who we are: what a listener adds to the heads that pass it."""

    def __init__(self, name: str, scheme: str = "http") -> None:
        self._via = b"Via: 1.0 " + name.encode(), b"Via: 1.1 " + name.encode()
        self._date = b""
        self.tell_time(time())
        self.scheme = scheme.encode()
        self._tell = Teller(self.scheme)
        self._known: dict[tuple[bytes, bytes, int], bytes] = {}
        """What `_learn` gave for a caller and a host, some of it."""
        self._ids = secrets.token_hex(4).encode()
        self._count = 0

    def tell_time(self, now: float) -> None:
        """Seconds since 1970, once a second: for answers that have no date (RFC 9110, 6.6.1)."""
        self._date = b"Date: " + formatdate(now, usegmt=True).encode()

    def request_id(self) -> bytes:
        """A new one, for a request that came without."""
        self._count += 1
        return b"%b-%x" % (self._ids, self._count)

    def request(  # noqa: PLR0917 - by name they would cost time with each request
        self,
        head: RequestHead,
        request_id: bytes,
        peer: bytes,
        fallback_host: bytes,
        milliseconds: int,
        trusted: bool = False,
        asks_leave: bool = False,
    ) -> bytes:
        """The head of a request.

        Args:
            head: as it came.
            request_id: what it is called, if the caller gave it no name.
            peer: who asks.
            fallback_host: for a caller of HTTP/1.0 that named none.
            milliseconds: so long will an answer be waited for.
            trusted: what the peer says of who asked before it is kept and added to.
            asks_leave: the body comes once the instance has said 100.
        """
        host, minor = head.host or fallback_host, head.minor
        lines = [
            b"%b %b HTTP/1.1\r\nHost: %b" % (head.method, head.target, host),
            *head.plain,
        ]
        if not head.request_id:
            lines.append(b"X-Request-Id: " + request_id)
        if trusted and (head.forwarded_for or head.forwarded):
            lines += self._tell.further(head, peer, host)
            lines.append(self._via[minor])
        else:
            known = self._known.get((peer, host, minor))
            lines.append(known or self._learn(peer, host, minor))
        if head.length is None:
            lines.append(b"Transfer-Encoding: chunked")
        elif head.length or head.method in (b"POST", b"PUT", b"PATCH"):
            lines.append(b"Content-Length: %d" % head.length)
        if asks_leave:
            lines.append(b"Expect: 100-continue")
        if head.upgrade:
            lines.append(b"Connection: Upgrade\r\nUpgrade: " + head.upgrade)
        lines.append(_end(milliseconds))
        return _CRLF.join(lines)

    def _learn(self, peer: bytes, host: bytes, minor: int) -> bytes:
        """What is added to nearly all heads, and is the same for the same caller and host."""
        if len(self._known) >= _MEMO:
            self._known.clear()
        lines = self._tell.first(peer, host) + _CRLF + self._via[minor]
        self._known[peer, host, minor] = lines
        return lines

    def response(self, head: ResponseHead, chunked: bool, connection: bytes) -> bytes:
        """The head of an answer. `connection` is the Connection field's value, or empty."""
        usual = head.dated and not (chunked or connection)
        if usual and head.writer is self:
            return head.written
        lines = [head.line, *head.plain, self._via[head.minor]]
        if not head.dated:
            lines.append(self._date)
        if chunked:
            lines.append(b"Transfer-Encoding: chunked")
        elif head.length is not None and head.status != NO_CONTENT:
            lines.append(b"Content-Length: %d" % head.length)
        if connection:
            lines.append(b"Connection: " + connection)
        lines.append(_CRLF)
        written = _CRLF.join(lines)
        if usual:
            head.writer, head.written = self, written
        return written

    def interim(self, head: ResponseHead) -> bytes:
        """An answer of the 1xx class, which another one follows."""
        return _CRLF.join((head.line, *head.plain, self._via[head.minor], _CRLF))

    def switching(self, head: ResponseHead) -> bytes:
        """The last answer before a tunnel."""
        upgrade = b"Connection: Upgrade\r\nUpgrade: " + head.upgrade
        return _CRLF.join((head.line, *head.plain, self._via[head.minor], upgrade, _CRLF))


@lru_cache(maxsize=64)
def _end(milliseconds: int) -> bytes:
    """The end of a request's head; mostly the same again."""
    return b"X-Request-Timeout-Ms: %d\r\n\r\n" % max(1, milliseconds)


def details(
    problem: Problem,
    *,
    request_id: str = "",
    fields: dict[str, str] | None = None,
    close: bool = False,
    with_body: bool = True,
) -> bytes:
    """A whole answer of our own: problem details (RFC 9457)."""
    content: dict[str, object] = {
        "type": problem.name,
        "title": HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "detail": problem.detail,
    }
    if request_id:
        content["request_id"] = request_id
    return answer(
        problem.status,
        json.dumps(content).encode(),
        "application/problem+json",
        fields={**({"X-Request-Id": request_id} if request_id else {}), **(fields or {})},
        close=close,
        with_body=with_body,
    )


def answer(
    status: int,
    body: bytes,
    media_type: str,
    *,
    fields: dict[str, str] | None = None,
    close: bool = False,
    with_body: bool = True,
) -> bytes:
    """A whole answer of our own."""
    lines = [
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
        f"Date: {formatdate(usegmt=True)}",
        f"Content-Type: {media_type}",
        f"Content-Length: {len(body)}",
        *(f"{name}: {value}" for name, value in (fields or {}).items()),
        *(("Connection: close",) if close else ()),
    ]
    head = "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"
    return head + body if with_body else head
