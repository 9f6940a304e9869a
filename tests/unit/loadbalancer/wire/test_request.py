"""What is taken as a request and what is not, by section of RFC 9112 (or 9110 where it says so)."""

import pytest

from loadbalancer.wire.heads import HeadReader
from loadbalancer.wire.limits import Limits
from loadbalancer.wire.reject import Reject
from loadbalancer.wire.request import RequestHead, RequestParser

LIMITS = Limits()


def read(head: bytes, limits: Limits = LIMITS) -> RequestHead:
    lines = HeadReader(limits, skips_empty_line=True).feed(head)
    assert lines is not None, "the head is not complete"
    return RequestParser(limits).parse(lines)


def get(*lines: bytes, start: bytes = b"GET / HTTP/1.1", host: bytes = b"Host: x") -> bytes:
    return (
        b"\r\n".join((start, host, *lines, b"", b""))
        if host
        else b"\r\n".join((start, *lines, b"", b""))
    )


def post(*lines: bytes) -> bytes:
    return get(*lines, start=b"POST / HTTP/1.1")


REJECTED = [
    # 2.2 message parsing
    ("bare LF between lines", b"GET / HTTP/1.1\nHost: x\r\n\r\n", 400),
    ("bare LF in a value", get(b"A: b\nC: d"), 400),
    ("bare CR in a value", get(b"A: b\rC: d"), 400),
    ("bare CR in the request line", get(start=b"GET /\r HTTP/1.1"), 400),
    ("bare LF before the version is judged", get(start=b"GET / HTTP/9.9\n"), 400),
    ("two empty lines first", b"\r\n\r\n" + get(), 400),
    ("space before the first field", b"GET / HTTP/1.1\r\n Host: x\r\n\r\n", 400),
    # 3 request line
    ("two spaces", get(start=b"GET  / HTTP/1.1"), 400),
    ("space at its end", get(start=b"GET / HTTP/1.1 "), 400),
    ("a tab for a space", get(start=b"GET\t/\tHTTP/1.1"), 400),
    ("no version", get(start=b"GET /"), 400),
    ("no target", get(start=b"GET  HTTP/1.1"), 400),
    ("a space in front", get(start=b" GET / HTTP/1.1"), 400),
    ("version in lower case", get(start=b"GET / http/1.1"), 400),
    ("version of three digits", get(start=b"GET / HTTP/1.11"), 400),
    ("version 2.0", get(start=b"GET / HTTP/2.0"), 505),
    ("version 1.2", get(start=b"GET / HTTP/1.2"), 505),
    ("version 0.9", get(start=b"GET / HTTP/0.9"), 505),
    ("the preface of HTTP/2", b"PRI * HTTP/2.0\r\n\r\n", 505),
    # 3.1 method
    ("method with a bracket", get(start=b"GE(T / HTTP/1.1"), 400),
    ("method with a control byte", get(start=b"G\x00T / HTTP/1.1"), 400),
    ("a very long method", get(start=b"M" * 33 + b" / HTTP/1.1"), 501),
    ("CONNECT", get(start=b"CONNECT x:80 HTTP/1.1"), 501),
    # 3.2 target
    ("target with a space encoded by nobody", get(start=b"GET /a b HTTP/1.1"), 400),
    ("fragment", get(start=b"GET /a#b HTTP/1.1"), 400),
    ("control byte", get(start=b"GET /a\x01 HTTP/1.1"), 400),
    ("byte above ASCII", get(start=b"GET /\xc3\xa4 HTTP/1.1"), 400),
    ("quote", get(start=b'GET /"a" HTTP/1.1'), 400),
    ("backslash in the path", get(start=b"GET /a\\b HTTP/1.1"), 400),
    ("neither path nor URL", get(start=b"GET a HTTP/1.1"), 400),
    ("* for GET", get(start=b"GET * HTTP/1.1"), 400),
    ("URL of another scheme", get(start=b"GET ftp://x/ HTTP/1.1"), 400),
    ("URL of another host than Host", get(start=b"GET http://y/ HTTP/1.1"), 400),
    ("URL with user information", get(start=b"GET http://u@x/ HTTP/1.1", host=b""), 400),
    ("URL without a host", get(start=b"GET http:///a HTTP/1.1", host=b"Host: x"), 400),
    ("too long a target", get(start=b"GET /" + b"a" * 9000 + b" HTTP/1.1"), 414),
    # 3.2 Host
    ("no Host", get(host=b""), 400),
    ("two Hosts", get(b"Host: x"), 400),
    ("two Hosts in HTTP/1.0", get(b"Host: x", start=b"GET / HTTP/1.0"), 400),
    ("empty Host", get(host=b"Host:"), 400),
    ("Host with a path", get(host=b"Host: x/y"), 400),
    ("Host with a list", get(host=b"Host: x, y"), 400),
    ("Host with user information", get(host=b"Host: u@x"), 400),
    ("Host with a port of letters", get(host=b"Host: x:http"), 400),
    ("Host with too high a port", get(host=b"Host: x:65536"), 400),
    ("Host with an open bracket", get(host=b"Host: [::1"), 400),
    ("Host with brackets around no address", get(host=b"Host: [:::]"), 400),
    ("Host with a comma", get(host=b"Host: x,y"), 400),
    ("Host with an encoded byte", get(host=b"Host: x%00"), 400),
    ("no Host but a URL", get(start=b"GET http://x/ HTTP/1.1", host=b""), 400),
    # 5 field lines
    ("no colon", get(b"Abc"), 400),
    ("space before the colon", get(b"Content-Length : 5"), 400),
    ("tab before the colon", get(b"Host\t: y"), 400),
    ("empty name", get(b": b"), 400),
    ("name with a space", get(b"A B: c"), 400),
    ("name with a byte above ASCII", get(b"\xc3\xa4: c"), 400),
    ("NUL in a value", get(b"A: b\x00c"), 400),
    ("DEL in a value", get(b"A: b\x7fc"), 400),
    ("vertical tab in a value", get(b"A: \x0bchunked"), 400),
    # 5.2 folding
    ("folded by a space", get(b"A: b", b" c: d"), 400),
    ("folded by a tab", get(b"A: b", b"\tc"), 400),
    # 6.1 Transfer-Encoding
    ("chunked in HTTP/1.0", get(b"Transfer-Encoding: chunked", start=b"POST / HTTP/1.0"), 400),
    ("chunked with a length", post(b"Content-Length: 5", b"Transfer-Encoding: chunked"), 400),
    ("a length with chunked", post(b"Transfer-Encoding: chunked", b"Content-Length: 5"), 400),
    ("chunked twice", post(b"Transfer-Encoding: chunked, chunked"), 400),
    ("chunked in two fields", post(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"),
     400),
    ("chunked not last", post(b"Transfer-Encoding: chunked, gzip"), 400),
    ("identity", post(b"Transfer-Encoding: identity"), 400),
    ("xchunked", post(b"Transfer-Encoding: xchunked"), 400),
    ("quoted", post(b'Transfer-Encoding: "chunked"'), 400),
    ("with a parameter", post(b"Transfer-Encoding: chunked;a=b"), 400),
    ("empty coding", post(b"Transfer-Encoding:"), 400),
    ("a comma first", post(b"Transfer-Encoding: ,chunked"), 400),
    ("gzip, chunked", post(b"Transfer-Encoding: gzip, chunked"), 501),
    # 6.2 Content-Length, and RFC 9110, section 8.6
    ("two lengths that differ", post(b"Content-Length: 5", b"Content-Length: 6"), 400),
    ("the same length twice", post(b"Content-Length: 5", b"Content-Length: 5"), 400),
    ("a list of lengths", post(b"Content-Length: 5, 5"), 400),
    ("a sign", post(b"Content-Length: +5"), 400),
    ("a negative length", post(b"Content-Length: -1"), 400),
    ("a hexadecimal length", post(b"Content-Length: 0x5"), 400),
    ("an empty length", post(b"Content-Length:"), 400),
    ("an underscore in a number", post(b"Content-Length: 1_0"), 400),
    ("a length of twenty digits", post(b"Content-Length: 99999999999999999999"), 400),
    ("digits that are none in ASCII", post("Content-Length: \u0665".encode()), 400),
    ("a body that is too long", post(b"Content-Length: 99999999"), 413),
    ("a lookalike of a length", post(b"Content_Length: 5"), 400),
    ("a lookalike of the coding", post(b"Transfer_Encoding: chunked"), 400),
    ("a lookalike of who asked", get(b"X_Forwarded-For: 1.1.1.1"), 400),
    # 7.6.1 of RFC 9110: Connection
    ("Connection names Host", get(b"Connection: close, Host"), 400),
    ("Connection names no field", get(b"Connection: close;a"), 400),
    ("Connection in quotes", get(b'Connection: "close"'), 400),
    ("Connection without a comma", get(b"Connection: keep-alive close"), 400),
    ("Connection names Content-Length", post(b"Content-Length: 5", b"Connection: content-length"),
     400),
    ("Connection names the coding",
     post(b"Transfer-Encoding: chunked", b"Connection: Transfer-Encoding"), 400),
    # 10.1.1 of RFC 9110: Expect
    ("an expectation that nobody knows", post(b"Expect: miracles"), 417),
    # limits
    ("too many fields", get(*[b"A: b"] * 101), 431),
    ("too large a head", get(*[b"A: " + b"b" * 200] * 90), 431),
]  # fmt: skip


@pytest.mark.parametrize(
    ("head", "status"), [r[1:] for r in REJECTED], ids=[r[0] for r in REJECTED]
)
def test_rejected(head: bytes, status: int) -> None:
    with pytest.raises(Reject) as rejected:
        read(head)
    assert rejected.value.status == status


@pytest.mark.parametrize(
    ("head", "status"), [r[1:] for r in REJECTED], ids=[r[0] for r in REJECTED]
)
def test_rejected_byte_by_byte_with_the_same_status(head: bytes, status: int) -> None:
    reader, parser = HeadReader(LIMITS, skips_empty_line=True), RequestParser(LIMITS)

    def feed_slowly() -> None:
        for at in range(len(head)):
            lines = reader.feed(head[at : at + 1])
            if lines is not None:
                parser.parse(lines)

    with pytest.raises(Reject) as rejected:
        feed_slowly()
    assert rejected.value.status == status


def test_an_ordinary_request() -> None:
    head = read(get(b"Accept:  */* ", b"X-A:b"))
    assert (head.method, head.target, head.minor) == (b"GET", b"/", 1)
    assert head.plain == [b"Accept: */*", b"X-A: b"]
    assert (head.host, head.length, head.keep_alive) == (b"x", 0, True)


@pytest.mark.parametrize(
    "target",
    [b"/", b"/a/b;c=d", b"/%41%zz", b"/a?b=c&d[]=e|f", b"/?q=%20", b"//a", b"/a?b?c", b"/a:b@c"],
)
def test_targets_are_passed_on_as_they_are(target: bytes) -> None:
    assert read(get(start=b"GET " + target + b" HTTP/1.1")).target == target


@pytest.mark.parametrize(
    ("target", "path", "host"),
    [
        (b"http://X:80/a?b", b"/a?b", b"x"),
        (b"HTTPS://x", b"/", b"x"),
        (b"http://x?a", b"/?a", b"x"),
        (b"http://[::1]:8080/", b"/", b"[::1]"),
    ],
)
def test_a_url_is_a_target_and_names_the_host(target: bytes, path: bytes, host: bytes) -> None:
    head = read(get(start=b"GET " + target + b" HTTP/1.0", host=b""))
    assert (head.target, head.host_name) == (path, host)


def test_options_of_the_server_itself() -> None:
    assert read(get(start=b"OPTIONS * HTTP/1.1")).target == b"*"
    assert read(get(start=b"OPTIONS http://x HTTP/1.1")).target == b"*"


def test_one_empty_line_before_a_request_is_skipped() -> None:
    assert read(b"\r\n" + get()).method == b"GET"


@pytest.mark.parametrize(
    ("lines", "version", "kept"),
    [
        ((), b"1.1", True),
        ((b"Connection: close",), b"1.1", False),
        ((b"Connection: Keep-Alive, CLOSE",), b"1.1", False),
        ((b"Connection: keep-alive", b"Connection: close"), b"1.1", False),
        ((), b"1.0", False),
        ((b"Connection: keep-alive",), b"1.0", True),
    ],
)
def test_whether_the_connection_is_kept(
    lines: tuple[bytes, ...], version: bytes, kept: bool
) -> None:
    assert read(get(*lines, start=b"GET / HTTP/" + version)).keep_alive is kept


def test_fields_of_this_connection_are_not_passed_on() -> None:
    head = read(
        get(
            b"Connection: X-Mine, close", b"X-Mine: 1", b"x-mine: 2", b"Keep-Alive: timeout=5",
            b"TE: trailers", b"Proxy-Connection: keep-alive", b"Proxy-Authorization: Basic x",
            b"Upgrade: h2c", b"HTTP2-Settings: AAA", b"X-Yours: 3",
        )
    )  # fmt: skip
    assert head.plain == [b"X-Yours: 3"]
    assert head.upgrade == b""


def test_an_upgrade_is_one_only_if_connection_says_so() -> None:
    assert read(get(b"Connection: Upgrade", b"Upgrade: websocket")).upgrade == b"websocket"
    assert read(get(b"Upgrade: websocket")).upgrade == b""
    old = get(b"Connection: Upgrade", b"Upgrade: websocket", start=b"GET / HTTP/1.0")
    assert read(old).upgrade == b""


def test_body_framing() -> None:
    assert read(post(b"Content-Length: 005")).length == 5
    assert read(post(b"Transfer-Encoding: Chunked")).length is None
    assert read(post()).length == 0


def test_what_is_known_of_the_request() -> None:
    head = read(
        post(
            b"Idempotency-Key: k", b"X-Request-Id: r-1", b"X-Request-Timeout-Ms: 250",
            b"Expect: 100-Continue", b"X-Forwarded-For: 1.1.1.1", b"X-Forwarded-For: 2.2.2.2",
            b"X-Forwarded-Proto: https",
        )
    )  # fmt: skip
    assert head.keyed
    assert head.request_id == b"r-1"
    assert head.timeout_ms == 250
    assert head.expects_continue
    assert head.forwarded_for == b"1.1.1.1, 2.2.2.2"
    assert head.forwarded == [b"X-Forwarded-Proto: https"]
    assert head.plain == [b"Idempotency-Key: k", b"X-Request-Id: r-1"]


@pytest.mark.parametrize("given", [b"", b"a b", b"x" * 129, b"a/b", b"\xff"])
def test_a_harmful_request_id_is_dropped(given: bytes) -> None:
    head = read(get(b"X-Request-Id: " + given))
    assert head.request_id == b""
    assert head.plain == []


@pytest.mark.parametrize(
    ("method", "key", "repeatable"),
    [
        (b"GET", b"", True), (b"HEAD", b"", True), (b"PUT", b"", True), (b"DELETE", b"", True),
        (b"OPTIONS", b"", True), (b"POST", b"", False), (b"PATCH", b"", False),
        (b"POST", b"Idempotency-Key: a", True), (b"POST", b"Idempotency-Key:", False),
        (b"get", b"", False),
    ],
)  # fmt: skip
def test_what_may_be_sent_twice(method: bytes, key: bytes, repeatable: bool) -> None:
    lines = [key] if key else []
    assert read(get(*lines, start=method + b" / HTTP/1.1")).repeatable is repeatable


def test_a_key_that_connection_takes_away_protects_nothing() -> None:
    head = read(post(b"Idempotency-Key: k", b"Connection: Idempotency-Key"))
    assert not head.repeatable
    assert head.plain == []


def test_the_memo_changes_nothing_but_the_time() -> None:
    parser = RequestParser(LIMITS)
    heads = [get(b"A: %d" % (i % 7), b"B:x", b"Cookie: %d" % i) for i in range(9000)]
    for at, raw in enumerate(heads):
        lines = HeadReader(LIMITS).feed(raw)
        assert lines is not None
        assert parser.parse(lines).plain == [b"A: %d" % (at % 7), b"B: x", b"Cookie: %d" % at]
    with pytest.raises(Reject):
        parser.parse([b"GET / HTTP/1.1", b"Host: x", b"A"])


def test_incomplete_heads_wait() -> None:
    reader = HeadReader(LIMITS, skips_empty_line=True)
    assert reader.feed(b"GET / HT") is None
    assert reader.begun
    assert reader.feed(b"TP/1.1\r\nHost: x\r\n\r") is None
    assert reader.feed(b"\nrest") == [b"GET / HTTP/1.1", b"Host: x"]
    assert reader.rest == b"rest"
    assert not reader.begun


def test_a_second_key_is_ambiguous() -> None:
    for second in (b"b", b"a", b""):
        with pytest.raises(Reject):
            read(
                b"POST / HTTP/1.1\r\nHost: x\r\nIdempotency-Key: a\r\nIdempotency-Key: %b\r\n\r\n"
                % second
            )


def test_max_forwards_is_counted_down_where_it_means_something() -> None:
    line = b"%b * HTTP/1.1\r\nHost: x\r\nMax-Forwards: %b\r\n\r\n"
    assert read(line % (b"OPTIONS", b"3")).plain == [b"Max-Forwards: 2"]
    assert read((line % (b"GET", b"0")).replace(b"*", b"/")).plain == [b"Max-Forwards: 0"]
    for value, status in ((b"0", 501), (b"x", 400), (b"-1", 400)):
        with pytest.raises(Reject) as caught:
            read(line % (b"OPTIONS", value))
        assert caught.value.status == status
