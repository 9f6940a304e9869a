"""Bodies: how far they go, and what of them is passed on (RFC 9112, sections 6 and 7)."""

import itertools

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadbalancer.wire.body import ChunkedBody, LengthBody, UntilClose
from loadbalancer.wire.fields import REQUEST_KINDS, Lines
from loadbalancer.wire.limits import Limits
from loadbalancer.wire.reject import Reject

LIMITS = Limits(body=1000)


def chunked(*, limit: int | None = None, decode: bool = False) -> ChunkedBody:
    return ChunkedBody(LIMITS, Lines(REQUEST_KINDS), limit=limit, decode=decode)


def test_a_length_is_counted_and_the_rest_is_not_ours() -> None:
    body = LengthBody(5)
    assert (body.feed(b"abc"), body.done) == (b"abc", False)
    assert (body.feed(b"defg"), body.done) == (b"de", True)
    assert body.rest == b"fg"


def test_what_needs_no_change_is_not_copied() -> None:
    piece = b"5\r\nabcde\r\n"
    assert chunked().feed(piece) is piece
    assert LengthBody(100).feed(piece) is piece
    assert UntilClose().feed(piece) is piece


CANONICAL = [
    ("empty", b"0\r\n\r\n", b"0\r\n\r\n", b""),
    ("one chunk", b"3\r\nabc\r\n0\r\n\r\n", b"3\r\nabc\r\n0\r\n\r\n", b"abc"),
    ("zeros and capitals", b"0A\r\n0123456789\r\n000\r\n\r\n", b"a\r\n0123456789\r\n0\r\n\r\n",
     b"0123456789"),
    ("extensions", b'3;a=b;c="d\\"e" ; f\r\nabc\r\n0;g\r\n\r\n', b"3\r\nabc\r\n0\r\n\r\n", b"abc"),
    ("trailers", b"1\r\na\r\n0\r\nA:  b \r\nC: d\r\n\r\n",
     b"1\r\na\r\n0\r\nA: b\r\nC: d\r\n\r\n", b"a"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("raw", "written", "payload"), [c[1:] for c in CANONICAL], ids=[c[0] for c in CANONICAL]
)
def test_chunks_are_written_anew(raw: bytes, written: bytes, payload: bytes) -> None:
    body = chunked()
    assert body.feed(raw + b"GET") == written
    assert body.done
    assert body.rest == b"GET"
    assert chunked(decode=True).feed(raw) == payload


REJECTED = [
    ("no size", b"\r\nabc\r\n", 400),
    ("size with a sign", b"+3\r\nabc\r\n", 400),
    ("size with 0x", b"0x3\r\nabc\r\n", 400),
    ("size with a space in front", b" 3\r\nabc\r\n", 400),
    ("size with a space behind", b"3 \r\nabc\r\n", 400),
    ("size with an underscore", b"1_0\r\nabc\r\n", 400),
    ("size of sixteen digits", b"0000000000000003\r\nabc\r\n", 400),
    ("size of another alphabet", "\u0663\r\nabc\r\n".encode(), 400),
    ("bare LF after the size", b"3\nabc\r\n", 400),
    ("bare CR after the size", b"3\rabc\r\n", 400),
    ("bare LF in an extension", b"3;a\nb\r\nabc\r\n", 400),
    ("NUL in an extension", b"3;a=\x00\r\nabc\r\n", 400),
    ("extension without a name", b"3;\r\nabc\r\n", 400),
    ("an open quote", b'3;a="b\r\nabc\r\n', 400),
    ("a very long extension", b"3;a=" + b"b" * 2000 + b"\r\nabc\r\n", 400),
    ("a chunk longer than its size", b"3\r\nabcd\r\n", 400),
    ("a chunk shorter than its size", b"5\r\nabc\r\n0\r\n\r\n", 400),
    ("a bare LF after a chunk", b"3\r\nabc\n0\r\n\r\n", 400),
    ("a bare LF at the end", b"0\r\n\n", 400),
    ("trailer without a colon", b"0\r\nabc\r\n\r\n", 400),
    ("trailer folded", b"0\r\nA: b\r\n c\r\n\r\n", 400),
    ("trailer with a bare LF", b"0\r\nA: b\nC: d\r\n\r\n", 400),
    ("Content-Length as trailer", b"0\r\nContent-Length: 5\r\n\r\n", 400),
    ("Transfer-Encoding as trailer", b"0\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
    ("Host as trailer", b"0\r\nHost: y\r\n\r\n", 400),
    ("Authorization as trailer", b"0\r\nAuthorization: y\r\n\r\n", 400),
    ("a condition as trailer", b"0\r\nIf-None-Match: y\r\n\r\n", 400),
    ("Proxy-Authenticate as trailer", b"0\r\nproxy-authenticate: y\r\n\r\n", 400),
    ("Location as trailer", b"0\r\nLocation: y\r\n\r\n", 400),
    ("too large trailers", b"0\r\nA: " + b"b" * 17_000 + b"\r\n\r\n", 431),
    ("too many trailers", b"0\r\n" + b"A: b\r\n" * 101 + b"\r\n", 431),
    ("a payload that is too big", b"3e9\r\n", 413),
]


@pytest.mark.parametrize(("raw", "status"), [r[1:] for r in REJECTED], ids=[r[0] for r in REJECTED])
def test_rejected(raw: bytes, status: int) -> None:
    with pytest.raises(Reject) as rejected:
        chunked(limit=1000).feed(raw)
    assert rejected.value.status == status


@pytest.mark.parametrize(("raw", "status"), [r[1:] for r in REJECTED], ids=[r[0] for r in REJECTED])
def test_rejected_byte_by_byte_with_the_same_status(raw: bytes, status: int) -> None:
    body = chunked(limit=1000)

    def feed_slowly() -> None:
        for at in range(len(raw)):
            body.feed(raw[at : at + 1])

    with pytest.raises(Reject) as rejected:
        feed_slowly()
    assert rejected.value.status == status


pieces = st.lists(st.binary(min_size=1, max_size=40), max_size=8)
cuts = st.lists(st.integers(0, 400), max_size=12)


def split(raw: bytes, at: list[int]) -> list[bytes]:
    edges = sorted({0, len(raw), *(min(a, len(raw)) for a in at)})
    return [raw[a:b] for a, b in itertools.pairwise(edges)]


@given(pieces, cuts)
def test_any_splitting_gives_the_same_bytes(chunks: list[bytes], at: list[int]) -> None:
    raw = b"".join(b"%X;x=1\r\n%b\r\n" % (len(c), c) for c in chunks) + b"0\r\nT:1\r\n\r\nrest"
    whole, pieced = chunked(), chunked()
    expected = whole.feed(raw)
    got, rest = b"", b""
    for piece in split(raw, at):
        if pieced.done:
            rest += piece
            continue
        got += pieced.feed(piece)
        rest = pieced.rest
    assert (got, rest) == (expected, b"rest")


@given(pieces, cuts)
def test_h11_reads_the_same_payload_from_what_is_written(
    chunks: list[bytes], at: list[int]
) -> None:
    raw = b"".join(b"%04X\r\n%b\r\n" % (len(c), c) for c in chunks) + b"0\r\n\r\n"
    body = chunked()
    written = b"".join(body.feed(p) for p in split(raw, at) if not body.done)
    peer = h11.Connection(h11.SERVER)
    peer.receive_data(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + written)
    payload = b""
    while not isinstance(event := peer.next_event(), h11.EndOfMessage):
        assert event is not h11.NEED_DATA
        if isinstance(event, h11.Data):
            payload += bytes(event.data)
    assert payload == b"".join(chunks)


@given(st.binary(max_size=200), cuts)
def test_nonsense_is_judged_alike_however_it_is_split(raw: bytes, at: list[int]) -> None:
    def verdict(parts: list[bytes]) -> object:
        body = chunked(limit=1000)
        try:
            for part in parts:
                if not body.done:
                    body.feed(part)
        except Reject as reject:
            return reject.status
        return body.done

    assert verdict(split(raw, at)) == verdict([raw])
