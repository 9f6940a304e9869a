"""What is taken as an answer and what is not, by section of RFC 9112 (or 9110 where it says so)."""

import pytest

from loadbalancer.wire.heads import HeadReader
from loadbalancer.wire.limits import Limits
from loadbalancer.wire.reject import Reject
from loadbalancer.wire.response import ResponseHead, ResponseParser

LIMITS = Limits()


def read(*lines: bytes, start: bytes = b"HTTP/1.1 200 OK", method: bytes = b"GET") -> ResponseHead:
    cut = HeadReader(LIMITS).feed(b"\r\n".join((start, *lines, b"", b"")))
    assert cut is not None
    return ResponseParser(LIMITS).parse(cut, method)


REJECTED = [
    # 4 status line
    ("version 2", (), b"HTTP/2 200 OK"),
    ("version 1.2", (), b"HTTP/1.2 200 OK"),
    ("no version", (), b"200 OK"),
    ("two digits", (), b"HTTP/1.1 20 OK"),
    ("four digits", (), b"HTTP/1.1 2000 OK"),
    ("status 000", (), b"HTTP/1.1 000 OK"),
    ("status 600", (), b"HTTP/1.1 600 OK"),
    ("two spaces", (), b"HTTP/1.1  200 OK"),
    ("a space in front", (), b" HTTP/1.1 200 OK"),
    ("control byte in the reason", (), b"HTTP/1.1 200 O\x00K"),
    ("bare CR in the reason", (), b"HTTP/1.1 200 O\rK"),
    # 5 fields
    ("space before the colon", (b"Content-Length : 5",), b"HTTP/1.1 200 OK"),
    ("folded", (b"A: b", b" c"), b"HTTP/1.1 200 OK"),
    ("bare LF", (b"A: b\nContent-Length: 5",), b"HTTP/1.1 200 OK"),
    ("no colon", (b"A",), b"HTTP/1.1 200 OK"),
    ("NUL", (b"A: \x00",), b"HTTP/1.1 200 OK"),
    # 6 framing
    ("both lengths", (b"Content-Length: 5", b"Transfer-Encoding: chunked"), b"HTTP/1.1 200 OK"),
    ("two lengths", (b"Content-Length: 5", b"Content-Length: 6"), b"HTTP/1.1 200 OK"),
    ("the same length twice", (b"Content-Length: 5", b"Content-Length: 5"), b"HTTP/1.1 200 OK"),
    ("a list of lengths", (b"Content-Length: 5, 5",), b"HTTP/1.1 200 OK"),
    ("a signed length", (b"Content-Length: -5",), b"HTTP/1.1 200 OK"),
    ("gzip as coding", (b"Transfer-Encoding: gzip, chunked",), b"HTTP/1.1 200 OK"),
    ("identity", (b"Transfer-Encoding: identity",), b"HTTP/1.1 200 OK"),
    ("chunked in HTTP/1.0", (b"Transfer-Encoding: chunked",), b"HTTP/1.0 200 OK"),
    ("Connection names no field", (b"Connection: close;a",), b"HTTP/1.1 200 OK"),
    ("Connection names the length", (b"Connection: content-length",), b"HTTP/1.1 200 OK"),
    ("too many fields", (b"A: b",) * 101, b"HTTP/1.1 200 OK"),
]


@pytest.mark.parametrize(
    ("lines", "start"), [r[1:] for r in REJECTED], ids=[r[0] for r in REJECTED]
)
def test_rejected(lines: tuple[bytes, ...], start: bytes) -> None:
    with pytest.raises(Reject):
        read(*lines, start=start)


@pytest.mark.parametrize(
    ("start", "line"),
    [
        (b"HTTP/1.1 200 OK", b"HTTP/1.1 200 OK"),
        (b"HTTP/1.0 404 Not  Found", b"HTTP/1.1 404 Not  Found"),
        (b"HTTP/1.1 200 ", b"HTTP/1.1 200 "),
        (b"HTTP/1.1 200", b"HTTP/1.1 200 "),
    ],
)
def test_the_status_line_is_written_anew(start: bytes, line: bytes) -> None:
    assert read(b"Content-Length: 0", start=start).line == line


@pytest.mark.parametrize(
    ("start", "lines", "method", "bodyless"),
    [
        (b"HTTP/1.1 200 OK", (b"Content-Length: 5",), b"GET", False),
        (b"HTTP/1.1 200 OK", (b"Content-Length: 5",), b"HEAD", True),
        (b"HTTP/1.1 204 No Content", (), b"GET", True),
        (b"HTTP/1.1 304 Not Modified", (b"Content-Length: 5",), b"GET", True),
        (b"HTTP/1.1 100 Continue", (), b"POST", True),
        (b"HTTP/1.1 103 Early Hints", (), b"GET", True),
    ],
)
def test_answers_without_a_body(
    start: bytes, lines: tuple[bytes, ...], method: bytes, bodyless: bool
) -> None:
    head = read(*lines, start=start, method=method)
    assert head.bodyless is bodyless
    assert head.keep_alive


def test_without_a_length_the_end_of_the_connection_is_the_end_of_the_body() -> None:
    head = read()
    assert head.until_close
    assert not head.keep_alive


@pytest.mark.parametrize(
    ("start", "lines", "kept"),
    [
        (b"HTTP/1.1 200 OK", (), True),
        (b"HTTP/1.1 200 OK", (b"Connection: close",), False),
        (b"HTTP/1.0 200 OK", (), False),
        (b"HTTP/1.0 200 OK", (b"Connection: keep-alive",), True),
    ],
)
def test_whether_the_connection_is_kept(start: bytes, lines: tuple[bytes, ...], kept: bool) -> None:
    assert read(b"Content-Length: 0", *lines, start=start).keep_alive is kept


def test_fields_of_this_connection_are_not_passed_on() -> None:
    head = read(b"Connection: X-Mine", b"X-Mine: 1", b"Keep-Alive: x", b"X-Yours:2",
                b"Content-Length: 1")  # fmt: skip
    assert head.plain == [b"X-Yours: 2"]


@pytest.mark.parametrize("line", [b"Content-Length: 5", b"Transfer-Encoding: chunked"])
def test_a_framing_where_there_must_be_none(line: bytes) -> None:
    head = read(line, start=b"HTTP/1.1 204 No Content")
    assert (head.bodyless, head.chunked, head.length, head.keep_alive) == (True, False, None, False)
    assert read(b"Content-Length: 0", start=b"HTTP/1.1 204 No Content").keep_alive
    with pytest.raises(Reject):
        read(line, start=b"HTTP/1.1 103 Early Hints")
