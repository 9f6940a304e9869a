"""The same for answers: what an instance that is wrong, or was taken over, might send."""

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import h11

from loadbalancer.wire.canonical import Hop
from loadbalancer.wire.fields import REQUEST_KINDS, Lines
from loadbalancer.wire.framing import Framing, framing
from loadbalancer.wire.heads import HeadReader
from loadbalancer.wire.reject import Reject
from loadbalancer.wire.response import FINAL, SWITCHING, ResponseHead, ResponseParser
from tests.fuzz.reader import LIMITS, cut
from tests.fuzz.smuggling import CODINGS, ENDS, LENGTHS, SEPARATORS, SIZES, TRAILERS, Case

POISON = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison"
_CHUNKED_BODY = b"5\r\nhello\r\n0\r\n\r\n"
_TE, _CL = b"Transfer-Encoding: chunked", b"Content-Length: 5"
_PARSER = ResponseParser(LIMITS)
_TRAILERS = Lines(REQUEST_KINDS)
_HOP = Hop("lb")
_NO_CONTENT, _NOT_MODIFIED = 204, 304
REJECTED, TUNNEL, COMPLETE, CUT = "rejected", "tunnel", "complete", "cut off"


@dataclass
class Answer:
    """What became of one answer."""

    sent: bytes = b""
    """What the caller gets."""
    end: str = CUT
    reused: bool = False
    """Does the connection to the instance carry another request?"""


def pass_back(pieces: Iterable[bytes], method: bytes = b"GET") -> Answer:
    """As exchange.py does it for a caller of HTTP/1.1; after the last piece the instance closes."""
    answer, reader = Answer(), HeadReader(LIMITS)
    way: Framing | None = None
    head: ResponseHead | None = None
    too_much = False
    try:
        for piece in pieces:
            data = piece
            while way is None and data:
                raw = reader.cut(data)
                if raw is None:
                    break
                head, data = _PARSER.read(raw, method), reader.rest
                if head.status == SWITCHING:
                    return Answer(answer.sent, TUNNEL)
                if head.status < FINAL:
                    answer.sent += _HOP.interim(head)
                    continue
                way = framing(head, 1, LIMITS, _TRAILERS)
                answer.sent += _HOP.response(head, chunked=way.chunked, connection=b"")
                if way.body is None:
                    answer.end = COMPLETE
            if way is None or not data:
                continue
            if answer.end == COMPLETE:
                too_much = True
            elif way.body is not None:
                out = way.body.feed(data)
                answer.sent += way.write(out) if way.wraps else out
                if way.body.done:
                    answer.end = COMPLETE
                    too_much = bool(way.body.rest)
    except Reject:
        answer.end = REJECTED
        return answer
    if head is not None and way is not None and head.until_close:
        answer.sent, answer.end = answer.sent + way.end, COMPLETE
    answer.reused = bool(answer.end == COMPLETE and head and head.keep_alive and not too_much)
    return answer


def read(sent: bytes, method: bytes) -> tuple[int, bytes]:
    """Status and payload as the caller understands them.

    Raises:
        AssertionError: two callers could understand it differently.
    """
    peer = h11.Connection(h11.CLIENT)
    peer.send(h11.Request(method=method, target="/", headers=[("Host", "shop")]))
    peer.send(h11.EndOfMessage())
    peer.receive_data(sent)
    status, payload = 0, b""
    while not isinstance(event := peer.next_event(), h11.EndOfMessage):
        if isinstance(event, h11.Response):
            status = event.status_code
            names = [name.replace(b"_", b"-") for name, _ in event.headers]
            framings = names.count(b"content-length") + names.count(b"transfer-encoding")
            bodyless = method == b"HEAD" or status in (_NO_CONTENT, _NOT_MODIFIED)
            assert framings == 1 or (bodyless and not framings), "not exactly one framing"
            assert status != _NO_CONTENT or not framings, "204 with a framing"
        elif isinstance(event, h11.Data):
            payload += bytes(event.data)
        else:
            assert isinstance(event, h11.InformationalResponse), event
            assert not {name for name, _ in event.headers} & {
                b"content-length",
                b"transfer-encoding",
            }
    assert peer.trailing_data[0] == b"", "something follows the answer"
    return status, payload


def judge(raw: bytes, at: Iterable[int], method: bytes) -> Answer:
    """How it ends, the same for all ways of cutting it.

    Raises:
        AssertionError: a hole.
    """
    whole = pass_back([raw], method)
    meaning = read(whole.sent, method) if whole.end == COMPLETE else None
    for pieces in (cut(raw, at), cut(raw, range(len(raw)))):
        other = pass_back(pieces, method)
        assert (other.end, other.reused) == (whole.end, whole.reused), "it depends on the pieces"
        if meaning is not None:
            assert read(other.sent, method) == meaning, "the meaning depends on the pieces"
    return whole


def answer(*lines: bytes, start: bytes = b"HTTP/1.1 200 OK", body: bytes = b"") -> bytes:
    """The bytes of an answer."""
    return b"\r\n".join((start, *lines, b"", b"")) + body


_STATUSES = (
    b"HTTP/1.1 200 OK", b"HTTP/1.1 200", b"HTTP/1.1 200 ", b"HTTP/1.0 200 OK", b"HTTP/1.1 204 No", b"HTTP/1.1 304 Not",
    b"HTTP/1.1 100 Continue", b"HTTP/1.1 101 Switching", b"HTTP/1.1 102 P", b"HTTP/1.1 103 Early", b"HTTP/1.1 199 x",
    b"HTTP/1.1 205 Reset", b"HTTP/1.1 500 No", b"HTTP/1.1 599 x", b"HTTP/1.1 600 x", b"HTTP/1.1 099 x", b"HTTP/1.1 99 x",
    b"HTTP/1.1 1000 x", b"HTTP/1.1 -20 x", b"HTTP/1.1 +200 x", b"HTTP/1.1 2e2 x", b"HTTP/1.1 0x200 x", b"HTTP/1.1  200 x",
    b"HTTP/1.1\t200 x", b"HTTP/1.1 200\tx", b"HTTP/1.1 200OK", b"HTTP/1.1 200\x00x", b"HTTP/1.1 200 \x00", b"HTTP/1.1 200 \r",
    b"HTTP/1.1 200 \n", b"HTTP/1.1 200 a\r\n b", b"HTTP/1.2 200 x", b"HTTP/2 200", b"HTTP/2.0 200 x", b"HTTP/0.9 200 x",
    b"http/1.1 200 x", b"HTTP/1.10 200 x", b" HTTP/1.1 200 x", b"\r\nHTTP/1.1 200 x", b"ICY 200 x", b"200 x", b"",
    b"HTTP/1.1 200 \xff", b"HTTP/1.1 200 \x7f", b"HTTP/1.1 \xd9\xa2\xd9\xa0\xd9\xa0 x", b"GET / HTTP/1.1",
)  # fmt: skip


def cases() -> Iterator[tuple[Case, bytes]]:
    """Each with the method of its request."""
    for start, lines, method in itertools.product(
        _STATUSES,
        ((), (_CL,), (_TE,), (b"Content-Length: 0",), (b"Connection: close",), (_CL, b"Connection: close")),
        (b"GET", b"HEAD"),
    ):  # fmt: skip
        body = _CHUNKED_BODY if _TE in lines else b"hello" if _CL in lines else b""
        raw = answer(*lines, start=start, body=body)
        yield Case(f"{start!r} {lines!r} {method!r}", raw), method
        yield Case(f"{start!r} {lines!r} {method!r} and poison", raw + POISON), method
    for case in _framings():
        yield case, b"GET"
    for case in _bytes_and_chunks():
        yield case, b"GET"


def _framings() -> Iterator[Case]:
    inside = _CHUNKED_BODY + POISON
    for coding in CODINGS:
        line = b"Transfer-Encoding: " + coding
        yield Case(f"TE {coding!r}", answer(line, body=inside))
        for first, second in ((line, _CL), (_CL, line), (line, _TE), (_TE, line)):
            raw = answer(first, second, body=inside)
            yield Case(f"{first!r} then {second!r}", raw, must_fail=True)
    for length in LENGTHS:
        line = b"Content-Length: " + length
        yield Case(f"CL {length!r}", answer(line, body=b"hello" + POISON))
        for first, second in ((line, _CL), (_CL, line), (line, _TE), (_TE, line)):
            raw = answer(first, second, body=inside)
            yield Case(f"{first!r} then {second!r}", raw, must_fail=True)
    for name, separator, others in itertools.product(
        (b"Content-Length", b"Transfer-Encoding", b"Content_Length", b"Connection"),
        SEPARATORS,
        ((), (_CL,), (_TE,)),
    ):
        value = b"chunked" if name.startswith(b"T") else b"5"
        line = name + separator + value
        yield Case(f"{line!r} {others!r}", answer(line, *others, body=inside))
        yield Case(f"{others!r} {line!r}", answer(*others, line, body=inside))


def _bytes_and_chunks() -> Iterator[Case]:
    head = answer(_TE)
    for size in SIZES:
        yield Case(f"size {size[:30]!r}", head + size + b"\r\nhello\r\n0\r\n\r\n" + POISON)
    for trailer in TRAILERS:
        yield Case(f"trailer {trailer[:30]!r}", head + b"0\r\n" + trailer + b"\r\n\r\n" + POISON)
    for end in ENDS:
        yield Case(f"{end!r} after a chunk", head + b"5\r\nhello" + end + b"0\r\n\r\n" + POISON)
        yield Case(f"{end!r} in the head", answer(b"A: b" + end + _CL, body=b"hello" + POISON))
        yield Case(
            f"{end!r} in the status", answer(_CL, start=b"HTTP/1.1 200 OK" + end, body=b"hello")
        )
    for line, body in ((_CL, b"hello"), (_TE, _CHUNKED_BODY)):
        whole = answer(line, b"A: b", body=body)
        colon = whole.index(b":")
        for at, byte in itertools.product(
            (0, 4, 8, 9, 12, 13, 17, 18, colon - 14, colon - 3, colon, colon + 1, colon + 2,
             whole.index(b"A:") + 4, len(whole) - len(body), len(whole) - 1),
            range(256),
        ):  # fmt: skip
            yield Case(
                f"{byte:#04x} at {at} of {line!r}", whole[:at] + bytes([byte]) + whole[at:] + POISON
            )
