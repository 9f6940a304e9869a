"""The wire layer as the balancer drives it, and a second opinion on what comes out of it.

`forward` is the loop of sockets.py and exchange.py without their sockets: bytes in, for each request
the bytes that an instance would get, and how it ended. `check` reads those bytes once more, by rules
of its own and by h11 and httptools: one message, one framing, nothing that can be read in two ways.
"""

import itertools
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

import h11
import httptools

from loadbalancer.wire.body import ChunkedBody, LengthBody
from loadbalancer.wire.canonical import Hop
from loadbalancer.wire.fields import REQUEST_KINDS, Lines
from loadbalancer.wire.heads import HeadReader
from loadbalancer.wire.limits import Limits
from loadbalancer.wire.reject import Reject
from loadbalancer.wire.request import RequestParser

LIMITS = Limits()
WAITS = "waits for more"
CLOSES = "closes"
_PARSER = RequestParser(LIMITS)
_TRAILERS = Lines(REQUEST_KINDS)


@dataclass
class Outcome:
    """What became of the bytes of one connection."""

    requests: list[bytes] = field(default_factory=list)
    """What was passed on, one for each request that was complete."""
    end: str | int = WAITS
    """The status of a rejection, or one of the words above."""


def forward(pieces: Iterable[bytes]) -> Outcome:
    """All requests on a connection, whatever pieces their bytes come in."""
    outcome, hop = Outcome(), Hop("lb")
    hop._ids = b"t"  # the same in every run
    reader = HeadReader(LIMITS, skips_empty_line=True)
    body: ChunkedBody | LengthBody | None = None
    sent, keep = b"", True
    try:
        for piece in pieces:
            data = piece
            while data:
                if body is None:
                    raw = reader.cut(data)
                    if raw is None:
                        break
                    head = _PARSER.read(raw)
                    name = head.request_id or hop.request_id()
                    sent = hop.request(head, name, b"192.0.2.1", b"pool", 5_000)
                    keep = head.keep_alive
                    data = reader.rest
                    body = (
                        ChunkedBody(LIMITS, _TRAILERS, limit=LIMITS.body)
                        if head.length is None
                        else LengthBody(head.length)
                    )
                if not body.done:
                    if not data:
                        break
                    sent += body.feed(data)
                    data = body.rest
                if body.done:
                    outcome.requests.append(sent)
                    body = None
                    if not keep:
                        outcome.end = CLOSES
                        return outcome
    except Reject as reject:
        outcome.end = reject.status
    return outcome


_HEAD_BYTES = re.compile(rb"[\t\r\n\x20-\x7e\x80-\xff]*").fullmatch
_START = re.compile(
    rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+) ((?:/|\*$)[!$-;=?-~]*|\*) HTTP/1\.1"
).fullmatch
_FIELD = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+): ?((?:[^ \t](?:.*[^ \t])?)?)").fullmatch
_LENGTH = re.compile(rb"0|[1-9][0-9]*").fullmatch
_SIZE = re.compile(rb"0|[1-9a-f][0-9a-f]*").fullmatch
_FRAMES = (b"content-length", b"transfer-encoding")
_ONLY_HERE = (b"keep-alive", b"proxy-connection", b"proxy-authorization", b"te", b"http2-settings")


@dataclass(frozen=True)
class Meaning:
    """A request as its receiver understands it."""

    method: bytes
    target: bytes
    host: bytes
    payload: bytes


def check(sent: bytes) -> Meaning:
    """What an instance understands; fails where two instances could understand it differently."""
    head, _, body = sent.partition(b"\r\n\r\n")
    assert _HEAD_BYTES(head), "a control byte"
    lines = head.split(b"\r\n")
    assert not any(b"\r" in line or b"\n" in line for line in lines), "a CR or LF stands alone"
    start = _START(lines[0])
    assert start, f"the request line {lines[0]!r}"
    matches = [_FIELD(line) for line in lines[1:]]
    assert all(matches), f"a field line of {lines[1:]!r}"
    fields = [(m[1].lower(), m[2]) for m in matches if m]
    names = [name.replace(b"_", b"-") for name, _ in fields]
    values = dict(fields)
    assert names.count(b"host") == 1, "Host"
    assert sum(names.count(name) for name in _FRAMES) <= 1, "more than one framing"
    assert not any(name in names for name in _ONLY_HERE), "a field of the other connection"
    assert values.get(b"connection", b"Upgrade") == b"Upgrade", "Connection"
    payload = _payload(values, body)
    meaning = Meaning(start[1], start[2], values[b"host"], payload)
    assert _by_h11(sent) == meaning, "h11 reads it differently"
    _by_httptools(sent, meaning)
    return meaning


def _payload(values: dict[bytes, bytes], body: bytes) -> bytes:
    if b"transfer-encoding" in values:
        assert values[b"transfer-encoding"] == b"chunked"
        return _chunks(body)
    length = values.get(b"content-length", b"0")
    assert _LENGTH(length), "Content-Length"
    assert len(body) == int(length), "the body is not as long as it says"
    return body


def _chunks(body: bytes) -> bytes:
    payload = b""
    while True:
        size, _, body = body.partition(b"\r\n")
        assert _SIZE(size), f"a chunk's size {size!r}"
        count = int(size, 16)
        if not count:
            break
        payload, end, body = payload + body[:count], body[count : count + 2], body[count + 2 :]
        assert end == b"\r\n", "a chunk's end"
    while body != b"\r\n":
        line, _, body = body.partition(b"\r\n")
        trailer = _FIELD(line)
        assert trailer, f"a trailer {line!r}"
        assert trailer[1].lower().replace(b"_", b"-") not in (*_FRAMES, b"host"), "a trailer's name"
    return payload


def _by_h11(sent: bytes) -> Meaning:
    peer = h11.Connection(h11.SERVER)
    peer.receive_data(sent)
    request = peer.next_event()
    assert isinstance(request, h11.Request)
    payload = b""
    while not isinstance(event := peer.next_event(), h11.EndOfMessage):
        assert isinstance(event, h11.Data), event
        payload += bytes(event.data)
    assert peer.trailing_data[0] == b"", "h11 sees something after it"
    host = next(value for name, value in request.headers if name == b"host")
    return Meaning(request.method, request.target, host, payload)


class _Heard:
    def __init__(self) -> None:
        self.url = self.payload = b""
        self.begun = self.complete = 0

    def on_message_begin(self) -> None:
        self.begun += 1

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_body(self, body: bytes) -> None:
        self.payload += body

    def on_message_complete(self) -> None:
        self.complete += 1


_METHODS = (b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"OPTIONS", b"PATCH")


def _by_httptools(sent: bytes, meaning: Meaning) -> None:
    """Of methods it knows a fixed list; an upgrade it ends with an exception."""
    if meaning.method not in _METHODS or b"\r\nConnection: Upgrade\r\n" in sent:
        return
    heard = _Heard()
    httptools.HttpRequestParser(heard).feed_data(sent)
    assert (heard.begun, heard.complete) == (1, 1), "httptools sees another number of messages"
    assert (heard.url, heard.payload) == (meaning.target, meaning.payload), "httptools differs"


def cut(raw: bytes, at: Iterable[int]) -> list[bytes]:
    """The same bytes in pieces."""
    edges = sorted({0, len(raw), *(min(a, len(raw)) for a in at)})
    return [raw[a:b] for a, b in itertools.pairwise(edges)]


def judge(raw: bytes, at: Iterable[int]) -> tuple[Outcome, list[Meaning]]:
    """The outcome, the same for the whole, for these pieces and for single bytes, and its meaning.

    Raises:
        AssertionError: a hole.
    """
    whole = forward([raw])
    assert forward(cut(raw, at)) == whole, "it depends on the pieces that it comes in"
    assert forward(cut(raw, range(len(raw)))) == whole, "it depends on coming byte by byte"
    return whole, [check(sent) for sent in whole.requests]


def agrees_with_h11(raw: bytes, meaning: Meaning) -> bool:
    """Does h11 read the same in what came in? Where it rejects that, it has no say."""
    peer, payload = h11.Connection(h11.SERVER), b""
    peer.receive_data(raw.removeprefix(b"\r\n"))
    try:
        request = peer.next_event()
        while not isinstance(event := peer.next_event(), h11.EndOfMessage):
            if not isinstance(event, h11.Data):
                return False
            payload += bytes(event.data)
    except h11.RemoteProtocolError:
        return True
    if not isinstance(request, h11.Request):
        return False
    # A whole URL becomes a path and a Host on its way; a path stays what it is.
    if request.target.startswith(b"/") and request.target != meaning.target:
        return False
    return (request.method, payload) == (meaning.method, meaning.payload)
