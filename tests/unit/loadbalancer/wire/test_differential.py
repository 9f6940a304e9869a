"""Damaged requests: what is taken and passed on, others must read as the same single request.

h11 and httptools are each laxer than we are about what comes in (see `REJECTED` in
test_request.py); about what goes out they must have nothing to disagree on.
"""

import random

import h11
import httptools
import pytest

from loadbalancer.wire.body import ChunkedBody, LengthBody
from loadbalancer.wire.canonical import Hop
from loadbalancer.wire.fields import REQUEST_KINDS, Lines
from loadbalancer.wire.heads import HeadReader
from loadbalancer.wire.limits import Limits
from loadbalancer.wire.reject import Reject
from loadbalancer.wire.request import RequestHead, RequestParser

LIMITS = Limits()
PARSER = RequestParser(LIMITS)
HOP = Hop("lb")
SOUND = (
    b"GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n",
    b"POST /p?q HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
    (
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"5\r\nhello\r\n0\r\nT: v\r\n\r\n"
    ),
    b"GET http://a/x HTTP/1.1\r\nHost: a\r\nConnection: close, X-A\r\nX-A: b\r\n\r\n",
)
SPLINTERS = (
    b"\r\n", b"\n", b"\r", b" ", b"\t", b":", b"\x00", b"\x0b", b"\xff", b"0", b"-", b"+", b";",
    b",", b'"', b"#", b"chunked", b"Content-Length: 6", b"Transfer-Encoding: chunked", b"Host: b",
    b"Transfer-Encoding : chunked", b"HTTP/1.0", b"GET / HTTP/1.1\r\nHost: z\r\n\r\n",
)  # fmt: skip


def damaged(chance: random.Random) -> bytes:
    raw = bytearray(chance.choice(SOUND))
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(len(raw))
        match chance.randrange(3):
            case 0:
                raw[at:at] = chance.choice(SPLINTERS)
            case 1:
                del raw[at : at + chance.randint(1, 4)]
            case 2:
                raw[at] = chance.randrange(256)
        raw = raw or bytearray(b"\r\n")
    return bytes(raw)


def forward(raw: bytes) -> tuple[RequestHead, bytes] | None:
    """The request that was taken and the bytes that are passed on; None if more must come."""
    reader = HeadReader(LIMITS, skips_empty_line=True)
    whole = reader.cut(raw)
    if whole is None:
        return None
    head = PARSER.read(whole)
    name = head.request_id or HOP.request_id()
    sent = HOP.request(head, name, b"9.9.9.9", b"pool", 5_000)
    if head.length == 0:
        return head, sent
    body = (
        ChunkedBody(LIMITS, Lines(REQUEST_KINDS), limit=LIMITS.body)
        if head.length is None
        else LengthBody(head.length)
    )
    sent += body.feed(reader.rest)
    return (head, sent) if body.done else None


class Count:
    def __init__(self) -> None:
        self.messages = 0

    def on_message_begin(self) -> None:
        self.messages += 1


@pytest.mark.parametrize("seed", range(8))
def test_others_read_what_is_passed_on_as_one_request(seed: int) -> None:
    chance = random.Random(seed)
    taken = 0
    for _ in range(1500):
        raw = damaged(chance)
        try:
            done = forward(raw)
        except Reject:
            continue
        if done is None:
            continue
        taken += 1
        head, sent = done
        assert read_by_h11(sent) == (head.method, head.target), raw
        if head.method in (b"GET", b"POST"):  # httptools knows a fixed list of methods
            count = Count()
            httptools.HttpRequestParser(count).feed_data(sent)
            assert count.messages == 1, raw
    assert taken > 50


def read_by_h11(sent: bytes) -> tuple[bytes, bytes]:
    peer = h11.Connection(h11.SERVER)
    peer.receive_data(sent)
    request = peer.next_event()
    assert isinstance(request, h11.Request)
    names = [name for name, _ in request.headers]
    assert names.count(b"host") == 1
    assert names.count(b"content-length") + names.count(b"transfer-encoding") <= 1
    event: object = request
    while not isinstance(event, h11.EndOfMessage):
        event = peer.next_event()
        assert event is not h11.NEED_DATA
    assert peer.trailing_data[0] == b""
    return request.method, request.target
