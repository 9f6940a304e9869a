"""The short way to a head says what the whole parser says, whatever came before it."""

import random

import pytest

from loadbalancer.wire.again import Again
from loadbalancer.wire.canonical import Hop
from loadbalancer.wire.connection import Answers, Requests
from loadbalancer.wire.limits import Limits
from loadbalancer.wire.reject import Reject
from loadbalancer.wire.request import RequestHead, RequestParser
from loadbalancer.wire.response import ResponseParser

LIMITS = Limits(head=2_000, start_line=600, fields=20)
HOP = Hop("lb")
BASES = [
    [b"GET /a?b=1 HTTP/1.1", b"Host: shop", b"Accept: */*", b"Cookie: a=1", b"X-Request-Id: r-1"],
    [b"POST /o HTTP/1.1", b"Host: shop", b"Idempotency-Key: k1", b"Content-Length: 3", b"A: 1"],
    [b"GET / HTTP/1.0", b"Host: shop", b"Connection: keep-alive, A", b"A: 1", b"B: 2"],
    [b"OPTIONS / HTTP/1.1", b"Host: shop", b"Max-Forwards: 3", b"A: 1"],
    [b"GET http://SHOP/x HTTP/1.1", b"Host: shop", b"A: 1", b"Cookie: c"],
    [b"GET /twice HTTP/1.1", b"Host: shop", b"A: 1", b"A: 1", b"Idempotency-Key:"],
    [b"GET /w HTTP/1.1", b"Host: shop", b"Connection: upgrade", b"Upgrade: websocket", b"A: 1"],
    [b"PUT /t HTTP/1.1", b"Host: shop", b"Transfer-Encoding: chunked", b"Expect: 100-continue"],
    [b"GET /f HTTP/1.1", b"Host: shop", b"X-Forwarded-For: 1.1.1.1", b"Forwarded: for=1.1.1.1",
     b"X-Request-Timeout-Ms: 50", b"X-Request-Id: !", b"X-Request-Id: r-2"],
    [b"GET /i HTTP/1.1", b"Host: shop", b"X-Request-Id: r-1", b"X-Request-Id: r-1", b"A: 1"],
    [b"GET /s HTTP/1.1", b"host:shop", b"A:1", b"X-Request-Id:  r-1", b"Cookie:c", b"B: 2"],
]  # fmt: skip
STARTS = [
    b"GET /other HTTP/1.1", b"DELETE /a HTTP/1.1", b"GET / HTTP/1.0", b"GET /\x80 HTTP/1.1",
    b"GET /a b HTTP/1.1", b"OPTIONS * HTTP/1.1", b"GET http://else/ HTTP/1.1", b"GET  HTTP/1.1",
    b"CONNECT /x HTTP/1.1", b"G@T / HTTP/1.1", b"GET / HTTP/2.0", b"",
    b"GET /%b HTTP/1.1" % (b"x" * 700),
    b"TRACE / HTTP/1.1", b"GET /%00 HTTP/1.1", b"GET /a\rb HTTP/1.1",
]  # fmt: skip
LINES = [
    b"Host: else", b"Content-Length: 0", b"Content-Length: 4", b"Transfer-Encoding: chunked",
    b"Idempotency-Key:",
    b"Idempotency-Key: ", b"Idempotency-Key: k2", b"X-Request-Id: r-3", b"X-Request-Id: <x>",
    b"Cookie: b=2", b"cookie: b=2", b"Cookie : b=2", b"Cookie: a\x00", b"Cookie: a\nX: y",
    b" folded", b"", b"A: 2", b"A:  2 ", b"B: 3", b"A", b": x", b"Connection: close",
    b"Connection: A", b"Connection: host", b"Upgrade: h2c", b"Max-Forwards: 0", b"A_: 1",
    b"Expect: 200-ok", b"X-Request-Timeout-Ms: 9", b"Content_Length: 3", b"A: " + b"y" * 1_900,
]  # fmt: skip


def seen(head: RequestHead) -> tuple[object, ...]:
    named = head.request_id or b"new"
    return (
        HOP.request(head, named, b"9.9.9.9", b"pool", 5_000, trusted=True),
        head.host_name, head.length,
        head.keep_alive, head.keyed, head.repeatable, head.timeout_ms, head.request_id,
        head.expects_continue, head.upgrade, head.minor, head.method, head.target,
    )  # fmt: skip


def alone(raw: bytes) -> object:
    requests = Requests(LIMITS)
    try:
        head = requests.read(raw, RequestParser(LIMITS))
    except Reject as reject:
        return reject.status
    return None if head is None else (seen(head), requests.rest)


def after(before: list[bytes], raw: bytes) -> object:
    requests, parser = Requests(LIMITS), RequestParser(LIMITS)
    for one in before:
        assert requests.read(one, parser) is not None
    try:
        head = requests.read(raw, parser)
    except Reject as reject:
        return reject.status
    return None if head is None else (seen(head), requests.rest)


def whole(lines: list[bytes]) -> bytes:
    return b"\r\n".join((*lines, b"", b""))


def varied(base: list[bytes], value: bytes) -> bytes:
    """The same with other values, where they only are passed on."""
    names = (b"A", b"Cookie", b"X-Request-Id", b"Idempotency-Key")
    lines = [
        name + b": " + value if (name := line.partition(b":")[0]) in names else line
        for line in base
    ]
    return whole(lines)


@pytest.mark.parametrize("again", [0, 1, 2])
@pytest.mark.parametrize("base", BASES, ids=lambda base: base[0].decode())
def test_it_says_what_the_parser_says(base: list[bytes], again: int) -> None:
    before = [whole(base), varied(base, b"v1"), varied(base, b"v-2")][: again + 1]
    if again:
        base = before[-1].split(b"\r\n")[:-2]
    mutants = [[start, *base[1:]] for start in STARTS]
    for at in range(1, len(base)):
        mutants += [[*base[:at], line, *base[at + 1 :]] for line in LINES]
        mutants += [[*base[:at], line, *base[at:]] for line in LINES]
        mutants.append([*base[:at], *base[at + 1 :]])
    for mutant in mutants:
        raw = whole(mutant)
        assert after(before, raw) == alone(raw), mutant
        for more in (b"GET", raw, b"\r\n"):
            assert after(before, raw + more) == alone(raw + more), mutant


@pytest.mark.parametrize("seed", range(8))
def test_it_says_so_whatever_a_byte_is(seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(2_000):
        base = chance.choice(BASES)
        before = [whole(base), varied(base, b"v1"), varied(base, b"v-2")]
        before = before[: chance.randrange(1, 4)]
        raw = bytearray(before[-1])
        for _ in range(chance.randrange(1, 4)):
            raw[chance.randrange(len(raw))] = chance.choice(b"\r\n :,;/aA1\x00\t\x80")
        assert after(before, bytes(raw)) == alone(bytes(raw)), bytes(raw)


def test_it_is_the_way_that_a_browser_goes() -> None:
    again, parser = Again(), RequestParser(LIMITS)
    first = whole(BASES[0])
    again.remember(parser.read(first), parser)
    head = again.read(first.replace(b"/a?b=1", b"/c").replace(b"a=1", b"a=2"), parser)
    assert head is not None
    assert (head.target, head.request_id) == (b"/c", b"r-1")
    assert b"Cookie: a=2" in head.lines
    more = again.read(first.replace(b"a=1", b"a=3").replace(b"r-1", b"r-2"), parser)
    assert more is not None
    assert more.lines == [b"Accept: */*", b"Cookie: a=3", b"X-Request-Id: r-2"]
    framed = again.read(first.replace(b"a=1", b"a=4").replace(b"r-1", b"r-3"), parser)
    assert framed is not None
    assert framed.lines == [b"Accept: */*", b"Cookie: a=4", b"X-Request-Id: r-3"]
    assert framed.request_id == b"r-3"
    assert again.read(first, RequestParser(LIMITS)) is None  # another configuration


def test_where_nothing_is_alike_it_is_not_tried_for_ever() -> None:
    again, parser = Again(), RequestParser(LIMITS)
    for at in range(40):
        raw = whole([b"GET / HTTP/1.1", b"Host: h%d" % at])
        assert again.read(raw, parser) is None
        again.remember(parser.read(raw), parser)
    assert again._head is None


def test_answers_that_are_alike_are_read_once() -> None:
    parser = ResponseParser(LIMITS)
    answers = Answers(LIMITS, parser)
    raw = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"
    first = answers.read(raw + b"hi", b"GET")
    assert first is not None
    assert answers.rest == b"hi"
    assert answers.read(raw + b"ho", b"POST") is first
    assert answers.rest == b"ho"
    head = answers.read(raw, b"HEAD")
    assert head is not None
    assert head.bodyless
    again = answers.read(raw, b"GET")
    assert again is not None
    assert not again.bodyless
    assert answers.read(raw[:10], b"GET") is None
    assert answers.read(raw[10:] + raw, b"GET") is not None
    assert answers.rest == raw


def test_what_is_alike_on_many_connections_is_one_and_the_same() -> None:
    parser = RequestParser(LIMITS)
    first, second = Requests(LIMITS), Requests(LIMITS)
    raw = whole(BASES[0])
    head = first.read(raw, parser)
    assert head is not None
    assert second.read(raw, parser) is head
    for one in (first, second):
        for value in (b"v1", b"v-2"):
            assert one.read(varied(BASES[0], value), parser) is not None
    assert first._frame is not None
    assert first._frame is second._frame
    assert len(parser.frames) == 1


def test_heads_that_differ_elsewhere_do_not_share_what_is_read_quickest() -> None:
    parser = RequestParser(LIMITS)
    for base in ([b"GET / HTTP/1.1", b"Host: h", b"A: %d" % at, b"B: v"] for at in range(2)):
        requests = Requests(LIMITS)
        for value in (b"v", b"v1", b"v2"):
            head = requests.read(whole([*base[:-1], b"B: " + value]), parser)
            assert head is not None
            assert head.lines == [base[2], b"B: " + value]
    assert len(parser.frames) == 2


def test_of_heads_that_never_come_again_few_are_kept() -> None:
    parser, answers = RequestParser(LIMITS), ResponseParser(LIMITS)
    for at in range(500):
        requests = Requests(LIMITS)
        for value in (b"v", b"v1", b"v2"):
            raw = whole([b"GET / HTTP/1.1", b"Host: h%d" % at, b"A: " + value])
            assert requests.read(raw, parser) is not None
        Answers(LIMITS, answers).read(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % at, b"GET")
    assert 0 < len(parser._known) <= 64
    assert 0 < len(parser.frames) <= 64
    assert 0 < len(answers._known) <= 64
    fields = [b"A%d: " % at + b"y" * 1_500 for at in range(3)]
    long = whole([b"GET / HTTP/1.1", b"Host: h", *fields])
    assert not parser.read(long).raw


def test_answers_on_many_connections_share_a_head_but_not_with_those_to_head() -> None:
    parser = ResponseParser(LIMITS)
    raw = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"
    heads = [Answers(LIMITS, parser).read(raw + b"hi", b"GET") for _ in range(2)]
    assert heads[0] is heads[1]
    bare = Answers(LIMITS, parser).read(raw, b"HEAD")
    assert bare is not None
    assert bare.bodyless
    assert heads[0] is not None
    assert not heads[0].bodyless


def test_an_interim_answer_is_not_what_the_next_one_is_held_against() -> None:
    answers = Answers(LIMITS, ResponseParser(LIMITS))
    interim = b"HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n"
    for _ in range(2):
        head = answers.read(interim + interim, b"GET")
        assert head is not None
        assert head.status == 103
        assert answers.rest == interim


def test_an_empty_line_before_each_head_is_passed_over_however_it_comes() -> None:
    """Some clients end a body with one that does not belong to it (RFC 9112, section 2.2)."""
    requests, parser = Requests(LIMITS), RequestParser(LIMITS)
    raw = b"\r\n".join([*BASES[0], b"", b""])
    for _ in range(4):
        assert requests.read(raw, parser) is not None
        assert requests.read(b"\r\n", parser) is None
