"""Request smuggling, as far as we know it: a generated table of some ten thousand requests.

Each is a way in which two readers could disagree on where a request ends or whom it is for. A case
of which `must_fail` is set can be understood in two ways and has to be rejected; any other has to
be rejected, or passed on so that it can be understood in one way only (reader.py judges that).
"""

import itertools
from collections.abc import Iterator
from typing import NamedTuple

SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: victim\r\n\r\n"


class Case(NamedTuple):
    """Bytes of a connection."""

    name: str
    raw: bytes
    must_fail: bool = False


def request(
    *lines: bytes,
    start: bytes = b"POST / HTTP/1.1",
    host: bytes | None = b"Host: shop",
    body: bytes = b"",
    end: bytes = b"\r\n",
) -> bytes:
    """A request with these field lines."""
    head = (start, *(() if host is None else (host,)), *lines)
    return end.join(head) + end + end + body


_CHUNKED_BODY = b"5\r\nhello\r\n0\r\n\r\n"
_TE, _CL = b"Transfer-Encoding: chunked", b"Content-Length: 5"
_NAMES = (
    b"Content-Length", b"Transfer-Encoding", b"Host", b"Connection", b"Expect", b"Upgrade",
    b"X-Forwarded-For", b"Idempotency-Key", b"X-Request-Id",
)  # fmt: skip

CODINGS = (
    b"chunked", b"Chunked", b"CHUNKED", b"chunKed", b"xchunked", b"chunkedx", b"chunk", b"chunked,",
    b",chunked", b"chunked, ", b" ,chunked", b"chunked,chunked", b"chunked, chunked",
    b"chunked, identity", b"identity, chunked", b"identity", b"identity,identity", b"gzip",
    b"gzip, chunked", b"chunked, gzip", b"gzip,chunked,deflate", b"cow", b"cow, chunked",
    b"chunked, cow", b"chunked;q=1", b"chunked;a=b", b"chunked ;", b"chunked;", b'"chunked"',
    b"'chunked'", b"(chunked)", b"<chunked>", b"chunked chunked", b"chunked\tchunked", b"chunked/1",
    b"chunked=1", b"chunked:chunked", b": chunked", b"chunked\x00", b"\x00chunked", b"chun\x00ked",
    b"\x0bchunked", b"chunked\x0b", b"\x0cchunked", b"chunked\x0c", b"\xa0chunked", b"chunked\xa0",
    b"\x85chunked", b"chunked\x85", b"\xef\xbb\xbfchunked", b"chunke\xc4\x91", b"chunked\r",
    b"\rchunked", b"\nchunked", b"chunked\n", b"\r\n chunked", b"\r\n\tchunked", b"chunked\r\n ",
    b"chu\r\n nked", b"chunked\r\n\t, identity", b"", b" ", b"\t", b",", b", ,", b"none", b"null",
    b"trailers", b"compress", b"deflate", b"x-gzip", b"br", b"zstd", b"chunked#", b"%63hunked",
    b"chun%6bed", b"chunked\\", b"\\chunked", b"chunked\x7f", b"\x7fchunked", b"\xe2\x80\x8bchunked",
    "ｃhunked".encode(), "ⅽhunked".encode(), b"chunked-encoding", b"transfer-encoding: chunked",
    b"0", b"1", b"true", b"chunked,\x0bidentity", b"identity\x00, chunked",
)  # fmt: skip

LENGTHS = (
    b"5", b"05", b"005", b"0" * 30 + b"5", b"+5", b"-5", b"-0", b"+0", b"0x5", b"0X5", b"0b101",
    b"0o5", b"5.0", b"5e0", b"5,5", b"5, 5", b"5,6", b"5, 0", b"0, 5", b"5;5", b"5 5", b"5\t5",
    b"5\x00", b"\x005", b"5\x0b", b"\x0b5", b"\x0c5", b"5\x0c", b"5\x85", b"\x855", b"5\xa0",
    b"\xa05", b"5a", b"a5", b"5_0", b"_5", b"1_0", b"5'", b"'5'", b'"5"', b"(5)", b"five", b"",
    b" ", b"\t", b",", b",5", b"5,", b"5\r", b"5\n", b"\n5", b"\r5", b"5\r\n 5", b"5\r\n\t0",
    b"\r\n 5", b"5\r\n ", "٥".encode(), "５".encode(), "⁵".encode(), b"99999999999999999999",
    b"18446744073709551621", b"4294967301", b"9223372036854775813", b"1" * 400, b"5%", b"%35",
    b"5#", b"5/5", b"5:5", b"NaN", b"inf", b"infinity", b"1e1000", b"0,5", b"5L", b"5l", b"5u",
    b"$5", b"\xef\xbb\xbf5", b"5\\", b"\\5", b"5-", b"5+", b"--5", b"+-5", b"0x", b"x5", b"0 5",
)  # fmt: skip

SEPARATORS = (
    b": ", b":", b":\t", b":  ", b" : ", b"\t: ", b" :", b"\t:", b"\x00: ", b"\x0b: ", b"\x0c: ",
    b"\xa0: ", b"\x85: ", b":\x0b", b":\x0c", b":\x00", b":\xa0", b"\r: ", b"\n: ", b"\r\n : ",
    b"\r\n: ", b":\r\n ", b":\r\n\t", b":\r ", b":\n ", b"::", b": :", b"; ", b"=", b" ", b"\t", b"",
    b",: ", b"/: ", b'": ', b"\\: ", b"\x7f: ", b"\xe2\x80\x8b: ", b"%20: ",
)  # fmt: skip

ENDS = (
    b"\n", b"\r", b"\n\r", b"\r\r\n", b"\r\n\n", b"\r\n\r", b"\n\n", b"\r\r", b"\x0b", b"\x0c", b"\x85",
    b"\x1c", b"\x1d", b"\x1e", b"\x00", b"\x00\r\n", b"\r\x00\n", b" \r\n", b"\t\r\n", b"\r \n",
    b"\x0b\r\n", b"\xe2\x80\xa8", b"\xe2\x80\xa9", b"\xc2\x85", b"\\r\\n", b"%0d%0a", b"\r\n \r\n",
    b"\xc4\x8d\xc4\x8a", b"\xe5\x98\x8d\xe5\x98\x8a",
)  # fmt: skip

SIZES = (
    b"5", b"05", b"0005", b"0" * 14 + b"5", b"0" * 15 + b"5", b"0" * 60 + b"5", b"5 ", b" 5", b"5\t",
    b"\t5", b"+5", b"-5", b"0x5", b"0X5", b"5_", b"_5", b"0_5", b"5.0", b"5,", b"5,5", b"5;", b"5;;",
    b"5; ;", b"5;a", b"5;a=b", b'5;a="b"', b'5;a="b', b'5;a=b"', b'5;a="\r\n"', b"5;a=\n", b"5;\n",
    b"5;a\nb", b"5;a\rb", b"5;a=\x00", b"5;a=\x0b", b"5\x00", b"\x005", b"5\x0b", b"5\x0c", b"\x0c5",
    b"5\xa0", b"5\x85", b"5 ;a=b", b"5; a=b", b"5;a =b", b"5;a= b", b"5;=b", b"5;a=", b"5;\x7f",
    b"5;a=b;c=d", b"5;" + b"a" * 1000, b"5;" + b"a" * 5000, b"5 a", b"5g", b"g", b"", b" ", b"5\r",
    b"5\n", b"5\r\n ", b"5h", b"5H", b"0x", b"x", b"#5", b"5#", b'"5"', "５".encode(), "٥".encode(),
    b"100000005", b"10000000000000005", b"FFFFFFFFFFFFFFFF", b"fffffffffffffffb", b"8000000000000005",
    b"1" + b"0" * 32 + b"5", b"-1", b"5e0", b"5:a", b"5:", b"5/a", b"5\\", b"(5)", b"5;a=b\r\n\r",
)  # fmt: skip

TRAILERS = (
    b"T: v", b"Content-Length: 5", b"content-length: 0", b"Transfer-Encoding: chunked", b"Host: victim",
    b"Connection: close", b"Content_Length: 5", b"Transfer_Encoding: chunked", b" T: v", b"\tT: v",
    b"T : v", b"T", b": v", b"T: v\nHost: x", b"T: v\rHost: x", b"T: \x00", b"T: v\r\n folded",
    b"GET /smuggled HTTP/1.1", b"Cookie: a=b", b"Authorization: Basic eA==", b"Set-Cookie: a",
    b"X-Forwarded-For: 1.1.1.1", b"X_Forwarded_For: 1.1.1.1", b"Expect: 100-continue", b"Trailer: x",
    b"Idempotency-Key: k", b"TE: trailers", b"Upgrade: h2c", b"Content-Type: text/html", b"T\x00: v",
    b"X-Request-Id: x", b"Forwarded: for=x", b"Via: x", b"Proxy-Authorization: x", b"Te\xc3\xa9: v",
    b"Keep-Alive: x", b"Content-Encoding: gzip", b"Content-Range: x", b"Max-Forwards: 0", b"T: \x7f",
)  # fmt: skip

_HOSTS = (
    b"", b" ", b"shop", b"SHOP", b"shop:80", b"shop:", b"shop:0", b"shop:65535", b"shop:65536", b"shop:-1",
    b"shop:+80", b"shop:8 0", b"shop:0x50", b"shop:http", b"shop:80:80", b"shop/", b"shop/path", b"/shop",
    b"shop?a", b"shop#a", b"user@shop", b"user:pw@shop", b"shop@victim", b"shop, victim", b"shop,victim",
    b"shop victim", b"shop\tvictim", b"shop;victim", b"http://shop", b"//shop", b"[::1]", b"[::1]:80",
    b"[::1", b"::1]", b"::1", b"[::1]80", b"[::1]x", b"[]", b"[x]", b"[::g]", b"[:::]", b"[1.2.3.4]",
    b"[::1%25eth0]", b"[v1.x]", b"1.2.3.4", b"127.1", b"0x7f.1", b"shop.", b".shop", b"..", b"-", b"_", b"*",
    b"shop\x00", b"\x00shop", b"shop\x00victim", b"shop\x0b", b"shop\x85", b"shop\xa0", b"sh\xc3\xb6p",
    b"shop%00", b"shop%", b"shop%2", b"shop%zz", b"sh%6fp", b"shop%0d%0aX:y", b"shop\\", b"shop\\@victim",
    b'"shop"', b"<shop>", b"shop|", b"shop^", b"shop`", b"{shop}", b"shop\r", b"shop\n", b"shop\r\n victim",
    b"shop\r\n\tvictim", b"a" * 300, b"a." * 3000, b"\xef\xbb\xbfshop", "ｓhop".encode(), b"shop:80, victim",
)  # fmt: skip

_TARGETS = (
    b"", b"/", b"*", b"a", b".", b"..", b"/..", b"/../..", b"/./", b"//", b"///", b"//victim/", b"/\\victim",
    b"\\", b"\\victim", b"/a b", b"/a\tb", b"/a\x00", b"/a\x0b", b"/a\x0c", b"/a\x7f", b"/a\x85", b"/a\xa0",
    b"/\xc3\xa9", b"/\xff", b"/a#b", b"#", b"/#", b"/?#", b"/a?b#c", b"?", b"?a", b"/?", b"/??", b"/%", b"/%0",
    b"/%zz", b"/%00", b"/%0d%0aHost:%20victim", b"/%0a", b"/%2f..%2f", b"/%2e%2e/", b"/<a>", b'/"a"', b"/{a}",
    b"/|", b"/^", b"/`", b"/a;b", b"/a:b", b"/a@b", b"http://shop", b"http://shop/", b"HTTP://SHOP/",
    b"https://shop/", b"http://shop:80/", b"http://victim/", b"http://shop@victim/", b"http://victim@shop/",
    b"http://user:pw@shop/", b"http:///", b"http:/", b"http:", b"http://", b"http:shop", b"http:/shop",
    b"http://shop#a", b"http://shop/#a", b"http://shop?a", b"http://shop?a#b", b"http://shop\\victim/",
    b"http://shop\x00victim/", b"http://shop%00/", b"http://shop /", b"http://shop,victim/", b"http://[::1]/",
    b"http://[::1/", b"http://shop:x/", b"http://shop:99999/", b"http://shop//victim/", b"ftp://shop/",
    b"ws://shop/", b"file:///etc/passwd", b"gopher://shop/", b"javascript:alert(1)", b"data:,x", b"shop:80",
    b"shop", b"://shop/", b"//", b"http://shop/http://victim/", b"/http://victim/", b"*/", b"/*", b"**",
    b"* HTTP/1.1", b"/ HTTP/1.1\r\nHost: victim\r\n\r\nGET /", b"/\r\nHost: victim", b"/\nHost: victim",
    b"/\rHost: victim", b"/ HTTP/1.0", b"/\xe2\x80\xa8", b"/" + b"a" * 8100, b"/" + b"a" * 8300, b"/?" + b"a" * 9000,
)  # fmt: skip

_VERSIONS = (
    b"HTTP/1.1", b"HTTP/1.0", b"HTTP/1", b"HTTP/1.", b"HTTP/.1", b"HTTP/1.2", b"HTTP/1.9", b"HTTP/0.9", b"HTTP/2",
    b"HTTP/2.0", b"HTTP/3", b"HTTP/3.0", b"HTTP/1.10", b"HTTP/1.11", b"HTTP/01.1", b"HTTP/1.01", b"HTTP/11.1",
    b"HTTP/1,1", b"HTTP/1 .1", b"HTTP/1. 1", b"HTTP /1.1", b"HTTP/ 1.1", b"HTTP\\1.1", b"http/1.1", b"Http/1.1",
    b"HTTP1.1", b"HTTPS/1.1", b"XHTTP/1.1", b"HTTP/x.y", b"HTTP/1.x", b"HTTP/-1.1", b"HTTP/+1.1", b"HTTP/1.-1",
    b"HTTP/1.1.1", b"HTTP/1.1x", b"xHTTP/1.1", b"HTTP/1.1 ", b" HTTP/1.1", b"HTTP/1.1\t", b"\tHTTP/1.1",
    b"HTTP/1.1 HTTP/1.1", b"HTTP/1.1\x00", b"HTTP/1.1\x0b", b"HTTP/1.1\r", b"", b" ", b"ICY", b"RTSP/1.0", b"SIP/2.0",
    b"HTTP/1.1;a", b"HTTP/1.1,HTTP/1.0", b"HTTP/4294967297.1", b"HTTP/1.4294967297", "HTTP/１.1".encode(),
)  # fmt: skip

_METHODS = (
    b"GET", b"get", b"Get", b"HEAD", b"POST", b"PUT", b"DELETE", b"OPTIONS", b"TRACE", b"PATCH", b"CONNECT", b"connect",
    b"PRI", b"SEARCH", b"M-SEARCH", b"FOO", b"G" * 32, b"G" * 33, b"", b" GET", b"\tGET", b"GET\t", b"G ET", b"G\tET",
    b"\x00GET", b"GET\x00", b"\x0bGET", b"GET\x0b", b"GET\r", b"GET\n", b"\nGET", b"\rGET", b"\r\n\r\nGET", b"\n\nGET",
    b"GET:", b"GET/", b"GET,", b"GET;", b'"GET"', b"(GET)", b"GET@", b"G[T", b"G\\T", b"G{T", b"\xffGET", b"GE\xc3\xa9",
    b"\xef\xbb\xbfGET", b"\x7fGET", b"GET /x HTTP/1.1\r\nHost: x\r\n\r\nGET", b"0\r\n\r\nGET", b"5\r\nGET", b"HTTP/1.1",
)  # fmt: skip

_CONNECTIONS = (
    b"close", b"keep-alive", b"Close", b"close, close", b"close,keep-alive", b"keep-alive, close", b"close ,", b",close",
    b"", b",", b"close\x00", b"close\x0b", b"clos\xc3\xa9", b"Host", b"host", b"close, Host", b"Content-Length",
    b"close,content-length", b"Transfer-Encoding", b"transfer-encoding, close", b"Trailer", b"Cookie", b"Authorization",
    b"X-Forwarded-For", b"X-Forwarded-Host", b"X-Request-Id", b"Idempotency-Key", b"Via", b"Forwarded", b"Expect",
    b"Connection", b"Upgrade", b"upgrade, close", b"TE", b"Content-Type", b"HTTP2-Settings", b"close;a=b", b'"close"',
    b"Host\x00", b" Host ", b"\tHost\t", b"x y", b"x" * 3000, b"Content_Length", b"X-Request-Timeout-Ms", b"close\r\n x",
)  # fmt: skip

_OTHERS = (
    b"Expect: 100-continue", b"Expect: 100-Continue", b"Expect: 100-continue, 100-continue", b"Expect: x",
    b"Expect: 100-continue\x00", b"Expect:", b"Expect: 100", b"Expect: 100-continue;a", b"Expect : 100-continue",
    b"Expect: 100-continue\r\nExpect: 100-continue", b"Expect: 100-continue\r\nExpect: x", b"Expect: =100-continue",
    b"Upgrade: h2c", b"Connection: Upgrade\r\nUpgrade: h2c",
    b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA",
    b"HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA", b"Connection: Upgrade\r\nUpgrade: websocket",
    b"Connection: Upgrade\r\nUpgrade: websocket, h2c", b"Connection: Upgrade\r\nUpgrade: h2c, websocket",
    b"Connection: Upgrade\r\nUpgrade: websocket\r\nUpgrade: h2c", b"Connection: Upgrade\r\nUpgrade: TLS/1.0",
    b"Connection: Upgrade\r\nUpgrade: web\x00socket", b"Upgrade: websocket\x0b", b"Connection: Upgrade\r\nUpgrade:",
    b"TE: trailers, chunked", b"TE: chunked", b"TE: trailers\x00", b"Trailer: Content-Length", b"Trailer: Host",
    b"Keep-Alive: 5", b"Proxy-Connection: keep-alive", b"Proxy-Authorization: x", b"Max-Forwards: -1", b"Via: x\x00",
    b"Range: bytes=0-5", b"X-Forwarded-For: 1.1.1.1\x00", b"X-Forwarded-Host: victim", b"Forwarded: host=victim",
    b"X-Original-Url: /victim", b"X-Rewrite-Url: /victim", b"X-Http-Method-Override: DELETE", b"X-Forwarded-Port: x",
    b"X_Forwarded_For: 1.1.1.1", b"X-Forwarded_For: 1.1.1.1", b"Proxy_Connection: x", b"X_Request_Id: y", b"Keep_Alive: x",
    b"Idempotency_Key: k", b"Content-Encoding: chunked", b"Content-Transfer-Encoding: chunked", b"Encoding: chunked",
    b"X-Request-Id: a\x00", b"X-Request-Id: a b", b"X-Request-Id: a\r\n b", b"X-Request-Timeout-Ms: -1",
    b"X-Request-Timeout-Ms: 1e9", b"X-Request-Timeout-Ms: 0x10", b"A" * 20_000 + b": b", b"A: " + b"b" * 20_000,
    b"Cookie: a=b\r\nCookie: c=d", b"Cookie: a\x00b", b"Date: \x7f", b"HTTP/1.1 200 OK", b"GET / HTTP/1.1",
)  # fmt: skip


def cases() -> Iterator[Case]:
    """All of them, in the same order each time."""
    yield from _framings()
    yield from _lookalikes()
    yield from _start_lines()
    yield from _fields()
    yield from _line_ends()
    yield from _single_bytes()
    yield from _chunks()


def _framings() -> Iterator[Case]:
    """CL.TE, TE.CL, TE.TE, CL.CL and each of them alone."""
    inside = _CHUNKED_BODY + SMUGGLED
    for coding in CODINGS:
        line = b"Transfer-Encoding: " + coding
        yield Case(f"TE {coding!r}", request(line, body=inside))
        yield Case(f"TE {coding!r} on GET", request(line, start=b"GET / HTTP/1.1", body=inside))
        yield Case(
            f"TE {coding!r} 1.0",
            request(line, start=b"POST / HTTP/1.0", body=inside),
            must_fail=True,
        )
        for first, second in ((line, _CL), (_CL, line)):
            yield Case(
                f"{first!r} then {second!r}", request(first, second, body=inside), must_fail=True
            )
        for first, second in ((line, _TE), (_TE, line)):
            yield Case(
                f"{first!r} then {second!r}", request(first, second, body=inside), must_fail=True
            )
    for length in LENGTHS:
        line = b"Content-Length: " + length
        yield Case(f"CL {length!r}", request(line, body=b"hello" + SMUGGLED))
        yield Case(
            f"CL {length!r} on GET",
            request(line, start=b"GET / HTTP/1.1", body=b"hello" + SMUGGLED),
        )
        for first, second in ((line, _CL), (_CL, line), (line, b"Content-Length: 0"), (line, line)):
            yield Case(
                f"{first!r} then {second!r}",
                request(first, second, body=b"hello" + SMUGGLED),
                must_fail=True,
            )
        for first, second in ((line, _TE), (_TE, line)):
            yield Case(
                f"{first!r} then {second!r}", request(first, second, body=inside), must_fail=True
            )
    for length, coding in itertools.product(LENGTHS[:40:4], CODINGS[::3]):
        lines = (b"Content-Length: " + length, b"Transfer-Encoding: " + coding)
        yield Case(f"{lines!r}", request(*lines, body=inside), must_fail=True)


def _lookalikes() -> Iterator[Case]:
    """Names and separators that one reader takes for a framing field and another does not."""
    for name in _NAMES:
        value = {b"Content-Length": b"5", b"Transfer-Encoding": b"chunked"}.get(name, b"x")
        spellings = {
            name.lower(), name.upper(), name.replace(b"-", b"_"), name.replace(b"-", b"."), name.replace(b"-", b""),
            name.replace(b"-", b" "), name.replace(b"-", b"--"), name.replace(b"-", b"\xe2\x80\x90"),
            name.replace(b"-", b"\xad"), name + b"-", b"-" + name, name + b"_", b"x" + name, b"\xef\xbb\xbf" + name,
            name.replace(b"e", "е".encode(), 1), name.replace(b"n", b"%6e", 1), b"HTTP_" + name, b'"' + name + b'"',
            b" " + name, b"\t" + name, b"\x0b" + name, b"\x0c" + name, b"\x00" + name, b"\xa0" + name, b"\r" + name,
            b"\n" + name, b"\r\n" + name, b"X: y\n" + name, b"X: y\r" + name, b"X: y\x00" + name, b"X: y\x85" + name,
            b"X: y\r\r\n" + name, b"X\r\n" + name, b":" + name, b"X:" + name, b",X: " + name,
        }  # fmt: skip
        for spelling, separator in itertools.product(sorted(spellings), (b": ", b" : ")):
            line = spelling + separator + value
            for others in ((), (_CL,), (_TE,)):
                yield Case(
                    f"{line!r} beside {others!r}",
                    request(line, *others, body=_CHUNKED_BODY + SMUGGLED),
                )
        for separator in SEPARATORS:
            line = name + separator + value
            for others in ((), (_CL,), (_TE,)):
                yield Case(
                    f"{line!r} beside {others!r}",
                    request(line, *others, body=_CHUNKED_BODY + SMUGGLED),
                )
                yield Case(
                    f"{others!r} before {line!r}",
                    request(*others, line, body=_CHUNKED_BODY + SMUGGLED),
                )


def _start_lines() -> Iterator[Case]:
    for method, target in itertools.product(_METHODS, (b"/", b"*", b"http://shop/a")):
        yield Case(
            f"method {method!r} {target!r}", request(start=method + b" " + target + b" HTTP/1.1")
        )
    for target, method in itertools.product(_TARGETS, (b"GET", b"OPTIONS", b"POST")):
        for host in (b"Host: shop", None):
            start = method + b" " + target + b" HTTP/1.1"
            yield Case(
                f"{method!r} {target[:40]!r} {host!r}", request(start=start, host=host) + SMUGGLED
            )
    for version, method in itertools.product(_VERSIONS, (b"GET", b"POST")):
        yield Case(
            f"version {version!r}",
            request(_CL, start=method + b" / " + version, body=b"hello" + SMUGGLED),
        )
        yield Case(f"version {version!r} chunked",
                   request(_TE, start=method + b" / " + version, body=_CHUNKED_BODY + SMUGGLED))  # fmt: skip
    for space in (
        b"  ",
        b"\t",
        b" \t",
        b"\x0b",
        b"\x0c",
        b"\xa0",
        b"\x00",
        b"\r",
        b"\n",
        b"",
        b"+",
        b"%20",
        b"\x85",
    ):
        yield Case(
            f"first space {space!r}", request(start=b"GET" + space + b"/ HTTP/1.1"), must_fail=True
        )
        yield Case(
            f"second space {space!r}", request(start=b"GET /" + space + b"HTTP/1.1"), must_fail=True
        )
    for junk in (b"GET /\r\n\r\n", b"GET /\r\n", b"GET / \r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
                 b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", b"\x00" * 64 + b"\r\n\r\n",
                 b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", b"\r\n\r\n\r\n" + request(),
                 b"\n" + request(), b"\r" + request(), b" " + request(), b"\r\n " + request(),
                 b"PROXY TCP4 1.1.1.1 2.2.2.2 1 2\r\n" + request()):  # fmt: skip
        yield Case(f"junk {junk[:30]!r}", junk + SMUGGLED, must_fail=True)


def _fields() -> Iterator[Case]:
    for host in _HOSTS:
        line = b"Host: " + host
        yield Case(f"host {host[:30]!r}", request(host=line) + SMUGGLED)
        yield Case(f"host {host[:30]!r} 1.0", request(host=line, start=b"GET / HTTP/1.0"))
        for target in (b"http://shop/", b"http://victim/"):
            start = b"GET " + target + b" HTTP/1.1"
            yield Case(f"host {host[:30]!r} {target!r}", request(host=line, start=start))
        for first, second in ((line, b"Host: shop"), (b"Host: shop", line), (line, line)):
            for version in (b"1.1", b"1.0"):
                start = b"GET / HTTP/" + version
                yield Case(f"two hosts {first[:30]!r} {second[:30]!r} {version!r}",
                           request(second, host=first, start=start), must_fail=True)  # fmt: skip
    yield Case("no host", request(host=None), must_fail=True)
    for value, others in itertools.product(_CONNECTIONS, ((), (_CL,), (_TE,))):
        body = b"hello" if others == (_CL,) else _CHUNKED_BODY if others else b""
        for extra in ((), (b"X-Request-Id: a", b"Idempotency-Key: b", b"Cookie: c")):
            lines = (b"Connection: " + value, *others, *extra)
            yield Case(
                f"connection {value[:30]!r} {others!r} {bool(extra)}",
                request(*lines, body=body + SMUGGLED),
            )
    for line, others in itertools.product(_OTHERS, ((), (_CL,), (_TE,))):
        body = b"hello" if others == (_CL,) else _CHUNKED_BODY if others else b""
        yield Case(f"{line[:40]!r} {others!r}", request(line, *others, body=body + SMUGGLED))
    yield Case("101 fields", request(*[b"A: b"] * 101), must_fail=True)


def _line_ends() -> Iterator[Case]:
    """Every end of a line of a request, replaced by what some reader takes for one."""
    whole = request(b"A: b", _TE, b"C: d", body=b"5;x=y\r\nhello\r\n0\r\nT: v\r\n\r\n")
    spots = [at for at in range(len(whole)) if whole[at : at + 2] == b"\r\n"]
    for at, end in itertools.product(spots, ENDS):
        yield Case(f"{end!r} at {at}", whole[:at] + end + whole[at + 2 :] + SMUGGLED)
        yield Case(f"{end!r} before {at}", whole[:at] + end + whole[at:] + SMUGGLED)
        yield Case(f"{end!r} after {at}", whole[: at + 2] + end + whole[at + 2 :] + SMUGGLED)
    for at in spots:
        yield Case(f"no end at {at}", whole[:at] + whole[at + 2 :] + SMUGGLED)
    for end in ENDS:
        yield Case(f"only {end!r}", request(b"A: b", _CL, end=end, body=b"hello"), must_fail=True)
        line = b"A: b" + end + b"Content-Length: 5"
        yield Case(f"a length after {end!r}", request(line, _TE, body=_CHUNKED_BODY))


def _single_bytes() -> Iterator[Case]:
    """Every byte, put in at every kind of place."""
    for lines, body in (((b"Content-Length: 5",), b"hello"), ((_TE,), _CHUNKED_BODY)):
        whole = request(*lines, b"A: b", body=body)
        name = lines[0].partition(b":")[0]
        start = whole.index(name)
        colon = start + len(name)
        spots = (0, 1, 4, 5, 6, 7, whole.index(b"HTTP"), whole.index(b"HTTP") + 8, whole.index(b"Host") + 5,
                 whole.index(b"shop"), whole.index(b"shop") + 4, start, start + 1, start + 7, colon, colon + 1,
                 colon + 2, colon + 2 + len(lines[0][len(name) + 2 :]), whole.index(b"A:") + 4, len(whole) - len(body),
                 len(whole) - len(body) + 1, len(whole) - 2)  # fmt: skip
        for at, byte in itertools.product(spots, range(256)):
            put = whole[:at] + bytes([byte]) + whole[at:]
            yield Case(f"{byte:#04x} at {at} of {name!r}", put + SMUGGLED)


def _chunks() -> Iterator[Case]:
    head = request(_TE)
    for size in SIZES:
        yield Case(f"size {size[:30]!r}", head + size + b"\r\nhello\r\n0\r\n\r\n" + SMUGGLED)
        yield Case(
            f"second size {size[:30]!r}",
            head + b"1\r\na\r\n" + size + b"\r\nhello\r\n0\r\n\r\n" + SMUGGLED,
        )
        last = size.replace(b"5", b"0", 1)
        yield Case(
            f"last size {last[:30]!r}", head + b"5\r\nhello\r\n" + last + b"\r\n\r\n" + SMUGGLED
        )
    for trailer in TRAILERS:
        yield Case(f"trailer {trailer[:30]!r}", head + b"0\r\n" + trailer + b"\r\n\r\n" + SMUGGLED)
        yield Case(
            f"second trailer {trailer[:30]!r}",
            head + b"0\r\nT: v\r\n" + trailer + b"\r\n\r\n" + SMUGGLED,
        )
    for data in (
        b"hell",
        b"hello!",
        b"hello\n",
        b"hello\r",
        b"hello\r\n\r\n",
        b"",
        b"hello\x00",
        b"hello ",
    ):
        yield Case(f"data {data!r}", head + b"5\r\n" + data + b"\r\n0\r\n\r\n" + SMUGGLED)
    for end in ENDS:
        yield Case(f"{end!r} after data", head + b"5\r\nhello" + end + b"0\r\n\r\n" + SMUGGLED)
        yield Case(
            f"{end!r} after the last chunk", head + b"5\r\nhello\r\n0" + end + b"\r\n" + SMUGGLED
        )
        yield Case(
            f"{end!r} in an extension", head + b"5;a" + end + b"b\r\nhello\r\n0\r\n\r\n" + SMUGGLED
        )
        yield Case(
            f"{end!r} in a quoted one",
            head + b'5;a="' + end + b'"\r\nhello\r\n0\r\n\r\n' + SMUGGLED,
        )
        yield Case(f"{end!r} for the last line", head + b"0\r\n" + end + SMUGGLED)
    for extension in (
        b";a=b",
        b';a="b;c"',
        b';a="0\\r\\n"',
        b";" + b"a=b;" * 100 + b"c",
        b" ; a = b",
        b';a="\\""',
    ):
        yield Case(
            f"extension {extension[:20]!r}",
            head + b"5" + extension + b"\r\nhello\r\n0" + extension + b"\r\n\r\n" + SMUGGLED,
        )
