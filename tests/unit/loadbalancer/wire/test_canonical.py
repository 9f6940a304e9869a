"""Heads as they are passed on, and our own answers."""

import json

import h11
from hypothesis import given
from hypothesis import strategies as st

from loadbalancer.wire.canonical import Hop, answer, details
from loadbalancer.wire.heads import HeadReader
from loadbalancer.wire.limits import Limits
from loadbalancer.wire.reject import Problem, Reject
from loadbalancer.wire.request import RequestParser
from loadbalancer.wire.response import ResponseHead, ResponseParser

LIMITS = Limits()
PATIENCE = b"X-Request-Timeout-Ms: 5000\r\n\r\n"


def forward(raw: bytes, *, trusted: bool = False) -> bytes:
    lines = HeadReader(LIMITS, skips_empty_line=True).feed(raw)
    assert lines is not None
    head = RequestParser(LIMITS).parse(lines)
    hop = Hop("lb-1")
    name = head.request_id or hop.request_id()
    sent = hop.request(head, name, b"9.9.9.9", b"pool", 5_000, trusted)
    assert sent.endswith(PATIENCE)
    return sent.removesuffix(PATIENCE) + b"\r\n"


def answered(
    *lines: bytes, start: bytes = b"HTTP/1.1 200 OK", method: bytes = b"GET"
) -> ResponseHead:
    cut = HeadReader(LIMITS).feed(b"\r\n".join((start, *lines, b"", b"")))
    assert cut is not None
    return ResponseParser(LIMITS).parse(cut, method)


def test_a_request_without_an_id_gets_one_and_no_two_the_same() -> None:
    hop = Hop("lb-1")
    ids = {hop.request_id() for _ in range(1000)}
    assert len(ids) == 1000
    assert forward(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").count(b"X-Request-Id: ") == 1


def test_what_is_kept_of_callers_and_hosts_does_not_grow() -> None:
    hop, head = Hop("lb"), RequestParser(Limits()).parse([b"GET / HTTP/1.1", b"Host: x"])
    for n in range(5_000):
        asked = hop.request(head, b"i", b"peer-%d" % n, b"", 5_000)
        assert b"\r\nX-Forwarded-For: peer-%d\r\n" % n in asked
    assert len(hop._known) <= 1_024


def test_http_1_0_without_host_gets_the_pools_name() -> None:
    assert b"\r\nHost: pool\r\n" in forward(b"GET / HTTP/1.0\r\n\r\n")


def test_a_url_as_target_becomes_a_path() -> None:
    sent = forward(b"GET http://x:80/a?b HTTP/1.1\r\nHost: x:80\r\n\r\n")
    assert sent.startswith(b"GET /a?b HTTP/1.1\r\nHost: x:80\r\n")


def test_one_framing_field_and_it_is_ours() -> None:
    sized = forward(b"POST / HTTP/1.1\r\nHost: x\r\ncontent-length:   007\r\n\r\n")
    assert sized.lower().count(b"content-length") == 1
    assert b"\r\nContent-Length: 7\r\n" in sized
    chunked = forward(b"POST / HTTP/1.1\r\nHost: x\r\ntransfer-encoding: CHUNKED\r\n\r\n")
    assert b"\r\nTransfer-Encoding: chunked\r\n" in chunked
    assert b"\r\nContent-Length: 0\r\n" in forward(b"POST / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert b"Content-Length" not in forward(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")


def test_claims_of_strangers_are_dropped_and_those_of_friends_kept() -> None:
    raw = (
        b"GET / HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 1.1.1.1\r\nForwarded: for=1.1.1.1\r\n"
        b"X-Forwarded-Host: shop\r\n\r\n"
    )
    stranger, friend = forward(raw), forward(raw, trusted=True)
    assert b"1.1.1.1" not in stranger
    assert b"X-Forwarded-For: 9.9.9.9\r\n" in stranger
    assert b"X-Forwarded-For: 1.1.1.1, 9.9.9.9\r\n" in friend
    assert b"X-Forwarded-Host: shop\r\n" in friend
    assert b"X-Forwarded-Proto: http\r\n" in friend
    assert b"Forwarded: for=1.1.1.1, for=9.9.9.9;host=x;proto=http\r\n" in friend


def test_answers_carry_one_framing_field() -> None:
    hop = Hop("lb-1")
    hop.tell_time(7.5)
    sized = hop.response(answered(b"content-length:  05"), chunked=False, connection=b"close")
    assert sized == (
        b"HTTP/1.1 200 OK\r\nVia: 1.1 lb-1\r\nDate: Thu, 01 Jan 1970 00:00:07 GMT\r\n"
        b"Content-Length: 5\r\nConnection: close\r\n\r\n"
    )
    dated = answered(b"Date: Fri, 02 Jan 1970 00:00:00 GMT", b"Content-Length: 0")
    assert hop.response(dated, chunked=False, connection=b"").count(b"Date: ") == 1
    empty = answered(b"Content-Length: 5", start=b"HTTP/1.1 204 No Content")
    assert b"Content-Length" not in hop.response(empty, chunked=False, connection=b"")
    same = answered(b"Content-Length: 5", start=b"HTTP/1.1 304 Not Modified")
    assert b"Content-Length: 5" in hop.response(same, chunked=False, connection=b"")


def test_via_tells_which_version_came() -> None:
    assert b"\r\nVia: 1.0 lb-1\r\n" in forward(b"GET / HTTP/1.0\r\nHost: x\r\n\r\n")
    old = answered(b"Content-Length: 0", start=b"HTTP/1.0 200 OK")
    assert b"\r\nVia: 1.0 lb-1\r\n" in Hop("lb-1").response(old, chunked=False, connection=b"")


def test_a_problem_is_one() -> None:
    raw = details(
        Problem(503, "overloaded", "Too many"), request_id="r", fields={"Retry-After": "1"}
    )
    head, _, body = raw.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
    assert b"Content-Type: application/problem+json\r\n" in head
    assert b"Retry-After: 1" in head
    assert json.loads(body) == {
        "type": "overloaded", "title": "Service Unavailable", "status": 503, "detail": "Too many",
        "request_id": "r",
    }  # fmt: skip
    assert details(Problem(404, "x", "y"), with_body=False).endswith(b"\r\n\r\n")
    assert b"Connection: close" in answer(200, b"", "text/plain", close=True)


names = st.from_regex(rb"[A-Za-z][A-Za-z0-9-]{0,12}", fullmatch=True)
values = st.from_regex(rb"[ \t]*[!-~]{0,20}[ \t]*", fullmatch=True)
targets = st.from_regex(rb"/[A-Za-z0-9/._~%-]{0,20}(\?[a-z=&]{0,10})?", fullmatch=True)


@given(targets, st.lists(st.tuples(names, values), max_size=6))
def test_h11_reads_what_is_passed_on_as_it_reads_what_came(
    target: bytes, fields: list[tuple[bytes, bytes]]
) -> None:
    lines = b"".join(b"%b:%b\r\n" % pair for pair in fields)
    raw = b"GET %b HTTP/1.1\r\nHost: x\r\n%b\r\n" % (target, lines)
    try:
        sent = forward(raw)
    except Reject:
        return
    peer = h11.Connection(h11.SERVER)
    peer.receive_data(sent)
    event = peer.next_event()
    assert isinstance(event, h11.Request)
    assert event.target == target
    got = [(n, v) for n, v in event.headers if n in {n.lower() for n, _ in fields}]
    wanted = [(n.lower(), v.strip(b" \t")) for n, v in fields]
    ours = {b"te", b"connection", b"upgrade", b"via", b"keep-alive", b"host", b"expect"}
    assert [p for p in got if p[0] not in ours] == [p for p in wanted if p[0] not in ours]
