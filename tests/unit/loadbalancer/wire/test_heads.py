"""Heads, however their bytes are cut."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from loadbalancer.wire.heads import HeadReader
from loadbalancer.wire.limits import Limits
from loadbalancer.wire.reject import Reject
from loadbalancer.wire.request import RequestParser

SMALL = Limits(head=120, start_line=40, fields=4, body=50)

fragments = st.sampled_from(
    [
        b"GET / HTTP/1.1", b"POST /a HTTP/1.0", b"\r\n", b"\r\n\r\n", b"\n", b"\r", b" ",
        b"Host: x", b"Content-Length: 5", b"Transfer-Encoding: chunked", b"A: b",
        b":", b"\x00", b"HTTP/9.9",
        b"a" * 30, b"Connection: close", b"GET http://x/ HTTP/1.1",
    ]
)  # fmt: skip
heads = st.lists(fragments, min_size=1, max_size=14).map(b"".join) | st.binary(max_size=150)
cuts = st.lists(st.integers(0, 300), max_size=10)


def verdict(parts: list[bytes]) -> object:
    reader, parser = HeadReader(SMALL, skips_empty_line=True), RequestParser(SMALL)
    taken = b""
    try:
        for at, part in enumerate(parts):
            lines = reader.feed(part)
            if lines is not None:
                head = parser.parse(lines)
                taken = reader.rest + b"".join(parts[at + 1 :])
                return head.method, head.target, head.plain, head.length, head.host, taken
    except Reject as reject:
        return reject.status
    return "more"


@given(heads, cuts)
def test_any_splitting_gives_the_same_verdict(raw: bytes, at: list[int]) -> None:
    edges = sorted({0, len(raw), *(min(a, len(raw)) for a in at)})
    pieces = [raw[a:b] for a, b in itertools.pairwise(edges)]
    assert verdict(pieces) == verdict([raw])


@given(heads)
def test_byte_by_byte_gives_the_same_verdict(raw: bytes) -> None:
    assert verdict([raw[at : at + 1] for at in range(len(raw))]) == verdict([raw])
