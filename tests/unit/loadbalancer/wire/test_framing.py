"""How an answer's body reaches a caller."""

import pytest

from loadbalancer.wire.fields import RESPONSE_KINDS, Lines
from loadbalancer.wire.framing import framing
from loadbalancer.wire.limits import Limits
from loadbalancer.wire.response import ResponseParser

LIMITS = Limits()
LINES = Lines(RESPONSE_KINDS)


@pytest.mark.parametrize(
    ("lines", "minor", "chunked", "wraps", "by_close"),
    [
        ([b"Content-Length: 5"], 1, False, False, False),
        ([b"Content-Length: 5"], 0, False, False, False),
        ([b"Transfer-Encoding: chunked"], 1, True, False, False),
        ([b"Transfer-Encoding: chunked"], 0, False, False, True),
        ([], 1, True, True, False),
        ([], 0, False, False, True),
    ],
)
def test_ways(lines: list[bytes], minor: int, chunked: bool, wraps: bool, by_close: bool) -> None:
    head = ResponseParser(LIMITS).parse([b"HTTP/1.1 200 OK", *lines], b"GET")
    way = framing(head, minor, LIMITS, LINES)
    assert (way.chunked, way.wraps, way.by_close) == (chunked, wraps, by_close)
    assert way.body is not None


@pytest.mark.parametrize(
    ("status", "lines", "method"),
    [(204, [], b"GET"), (304, [b"Content-Length: 5"], b"GET"), (200, [], b"HEAD"),
     (200, [b"Content-Length: 0"], b"GET"), (304, [b"Transfer-Encoding: chunked"], b"GET"),
     (200, [b"Transfer-Encoding: chunked"], b"HEAD")],
)  # fmt: skip
def test_no_body(status: int, lines: list[bytes], method: bytes) -> None:
    head = ResponseParser(LIMITS).parse([b"HTTP/1.1 %d X" % status, *lines], method)
    way = framing(head, 1, LIMITS, LINES)
    assert way.body is None
    assert not way.chunked


def test_wrapping_makes_chunks_and_their_end() -> None:
    head = ResponseParser(LIMITS).parse([b"HTTP/1.1 200 OK"], b"GET")
    way = framing(head, 1, LIMITS, LINES)
    assert way.write(b"hello") == b"5\r\nhello\r\n"
    assert way.write(b"") == b""
    assert way.end == b"0\r\n\r\n"
