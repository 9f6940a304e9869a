"""HTTP/1.1 through the real balancer, byte by byte where it matters (RFC 9110, RFC 9112)."""

import asyncio
import json
import signal
import subprocess
import time
from contextlib import suppress

import pytest

from tests.integration.loadbalancer.harness import (
    Cluster,
    Process,
    Start,
    ask,
    start_balancer,
    wait_until,
)
from tests.ports import free_port


async def talk(port: int, raw: bytes, *, half_close: bool = True, seconds: float = 10) -> bytes:
    """Sends bytes and gives everything that comes back until the end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        async with asyncio.timeout(seconds):
            writer.write(raw)
            if half_close:
                writer.write_eof()
            return await reader.read()
    finally:
        writer.close()


def request(*lines: str, start: str = "GET /echo HTTP/1.1", body: bytes = b"") -> bytes:
    return "\r\n".join((start, "Host: shop.example", *lines, "", "")).encode() + body


def said(answer: bytes) -> dict[str, str]:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 "), answer
    echo: dict[str, str] = json.loads(body)
    return echo


async def test_the_forwarded_head_is_canonical_and_complete(cluster: Start) -> None:
    made = cluster(1)
    raw = request("accept:   */*  ", "Connection: X-Hop", "X-Hop: 1", "TE: trailers",
                  "X-Forwarded-For: 6.6.6.6", "X-Request-Id: r-1")  # fmt: skip
    head = said(await talk(made.port, raw))["head"].split("\r\n")[:-2]
    timeout = head.pop()
    assert head == [
        "GET /echo HTTP/1.1", "Host: shop.example", "accept: */*", "X-Request-Id: r-1",
        "X-Forwarded-For: 127.0.0.1", "X-Forwarded-Proto: http",
        "X-Forwarded-Host: shop.example",
        "Forwarded: for=127.0.0.1;host=shop.example;proto=http", "Via: 1.1 lb-1",
    ]  # fmt: skip
    name, _, milliseconds = timeout.partition(": ")
    assert name == "X-Request-Timeout-Ms"
    assert 0 < int(milliseconds) <= 5000


async def test_a_trusted_caller_is_believed_and_added_to(cluster: Start) -> None:
    made = cluster(1, listener="trusted = true")
    raw = request("X-Forwarded-For: 6.6.6.6", "X-Forwarded-Proto: https")
    head = said(await talk(made.port, raw))["head"]
    assert "X-Forwarded-For: 6.6.6.6, 127.0.0.1\r\n" in head
    assert head.count("X-Forwarded-Proto") == 1
    assert "X-Forwarded-Proto: https\r\n" in head


async def test_the_callers_patience_is_passed_on_lowered(cluster: Start) -> None:
    made = cluster(1)
    head = said(await talk(made.port, request("X-Request-Timeout-Ms: 700")))["head"]
    passed = int(head.partition("X-Request-Timeout-Ms: ")[2].split("\r\n")[0])
    assert passed <= 700


@pytest.mark.parametrize(
    ("lines", "sent"),
    [
        (("Content-Length: 5",), b"hello"),
        (("Transfer-Encoding: chunked",), b"2;x=y\r\nhe\r\n03\r\nllo\r\n0\r\nT: 1\r\n\r\n"),
    ],
)
async def test_bodies_arrive(cluster: Start, lines: tuple[str, ...], sent: bytes) -> None:
    made = cluster(1)
    echo = said(await talk(made.port, request(*lines, start="POST /echo HTTP/1.1", body=sent)))
    assert echo["body"] == "hello"


async def test_a_body_that_comes_byte_by_byte_arrives(cluster: Start) -> None:
    made = cluster(1)
    raw = request("Transfer-Encoding: chunked", start="POST /echo HTTP/1.1",
                  body=b"5\r\nhello\r\n0\r\n\r\n")  # fmt: skip
    reader, writer = await asyncio.open_connection("127.0.0.1", made.port)
    for at in range(len(raw)):
        writer.write(raw[at : at + 1])
        await asyncio.sleep(0.001)
    writer.write_eof()
    assert said(await reader.read())["body"] == "hello"
    writer.close()


async def test_a_long_body_flows_through_whole(cluster: Start) -> None:
    made = cluster(1)
    body = b"0123456789abcdef" * 100_000
    answer = await asyncio.to_thread(made.ask, "POST", "/echo", body)
    assert answer.json()["body"] == body.decode()


async def test_pipelined_requests_are_answered_in_order(cluster: Start) -> None:
    made = cluster(2)
    many = [request(start=f"GET /echo?{n} HTTP/1.1") for n in range(30)]
    got = await talk(made.port, b"".join(many))
    order = [int(part.split(b'"')[0]) for part in got.split(b'"target": "/echo?')[1:]]
    assert order == list(range(30))


async def test_pipelined_requests_may_end_where_what_waits_is_cut(cluster: Start) -> None:
    """It is kept in pieces of 16 KiB."""
    made = cluster(1)
    reader, writer = await asyncio.open_connection("127.0.0.1", made.port)
    writer.write(request(start="GET /sleep/0.2 HTTP/1.1"))
    await asyncio.sleep(0.05)
    one = b"GET /%b HTTP/1.1\r\nHost: shop.example\r\n\r\n"
    writer.write(one % (b"x" * (64 - len(one % b""))) * 1_000)
    writer.write_eof()
    async with asyncio.timeout(10):
        got = await reader.read()
    writer.close()
    assert got.count(b"HTTP/1.1 200 ") == 1_001


async def test_pipelined_requests_without_a_route_do_not_pile_up(cluster: Start) -> None:
    made = cluster(1, route='path = "/api/", ')
    got = await talk(made.port, request(start="GET /no HTTP/1.1") * 3000)
    assert got.count(b"HTTP/1.1 404 ") == 3000


async def test_smuggled_requests_stay_where_they_are(cluster: Start) -> None:
    made = cluster(1)
    raw = request("Content-Length: 6", "Transfer-Encoding: chunked", start="POST /echo HTTP/1.1",
                  body=b"0\r\n\r\nG")  # fmt: skip
    got = await talk(made.port, raw)
    assert got.startswith(b"HTTP/1.1 400 ")
    assert b"Connection: close" in got
    assert got.count(b"HTTP/1.1") == 1
    assert "POST /echo" not in made.counts()


async def test_head_has_no_body_and_the_connection_goes_on(cluster: Start) -> None:
    made = cluster(1)
    got = await talk(made.port, request(start="HEAD /x HTTP/1.1") + request())
    head, _, rest = got.partition(b"\r\n\r\n")
    assert b"Content-Length: 7" in head
    assert rest.startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("status", [204, 304])
async def test_answers_without_a_body(cluster: Start, status: int) -> None:
    made = cluster(1)
    date = b"Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n"
    answer = b"HTTP/1.1 %d X\r\n%b\r\n" % (status, date)
    got = await talk(made.port, request(start=f"GET /raw/{answer.hex()} HTTP/1.1") + request())
    assert got.startswith(b"HTTP/1.1 %d X\r\n%bVia: 1.1 lb-1\r\n\r\nHTTP/1.1 200 " % (status, date))


async def test_continue_is_passed_back(cluster: Start) -> None:
    made = cluster(1)
    reader, writer = await asyncio.open_connection("127.0.0.1", made.port)
    writer.write(request("Content-Length: 5", "Expect: 100-continue", start="POST /echo HTTP/1.1"))
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 100 Continue\r\n")
    writer.write(b"hello")
    writer.write_eof()
    assert said(await reader.read())["body"] == "hello"
    writer.close()


async def test_an_early_refusal_ends_the_upload(cluster: Start) -> None:
    made = cluster(1)
    reader, writer = await asyncio.open_connection("127.0.0.1", made.port)
    writer.write(request("Content-Length: 90000", start="POST /refuse HTTP/1.1") + b"x" * 70_000)
    got = await reader.read()
    assert got.startswith(b"HTTP/1.1 413 ")
    assert b"Connection: close" in got
    assert got.endswith(b"no")
    writer.close()


async def test_http_1_0_gets_no_chunks_and_a_closed_connection(cluster: Start) -> None:
    made = cluster(1)
    got = await talk(made.port, b"GET /stream/2 HTTP/1.0\r\n\r\n", half_close=False)
    head, _, body = got.partition(b"\r\n\r\n")
    assert b"Transfer-Encoding" not in head
    assert b"Connection: close" in head
    assert body == b"z" * 131_072


async def test_http_1_0_may_keep_its_connection(cluster: Start) -> None:
    made = cluster(1)
    old = b"GET /x HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
    got = await talk(made.port, old * 2)
    assert got.count(b"HTTP/1.1 200 ") == 2
    assert got.count(b"Connection: keep-alive") == 2


@pytest.mark.parametrize("version", ["1.0", "1.1"])
async def test_a_torn_answer_is_not_told_as_a_whole_one(cluster: Start, version: str) -> None:
    made = cluster(1)
    reader, writer = await asyncio.open_connection("127.0.0.1", made.port)
    writer.write(request(start=f"GET /torn HTTP/{version}"))
    assert (await reader.readuntil(b"half")).startswith(b"HTTP/1.1 200 ")
    with pytest.raises(ConnectionResetError):
        await reader.read()
    writer.close()


async def test_who_pipelines_without_end_costs_others_nothing(cluster: Start) -> None:
    made = cluster(1)
    _, writer = await asyncio.open_connection("127.0.0.1", made.port)
    for _ in range(50):  # 80,000 requests, whose answers nobody takes
        writer.write(request(start="GET /stream/1 HTTP/1.1") * 1_600)
    assert said(await talk(made.port, request(start="GET /echo HTTP/1.1")))
    counts = await talk(made.port, request(start="GET /counts HTTP/1.1"))
    assert int(said(counts)["GET /stream/1"]) < 1_000
    writer.transport.abort()
    with suppress(ConnectionError):
        await writer.wait_closed()


async def test_an_answer_without_a_length_becomes_chunks(cluster: Start) -> None:
    made = cluster(1)
    answer = b"HTTP/1.0 200 OK\r\n\r\nuntil the end"
    got = await talk(made.port, request(start=f"GET /raw/{answer.hex()} HTTP/1.1") + request())
    first, _, rest = got.partition(b"0\r\n\r\n")
    assert first.endswith(b"Transfer-Encoding: chunked\r\n\r\nd\r\nuntil the end\r\n")
    assert rest.startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    "answer",
    [
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n1",
        b"HTTP/1.1 200 OK\r\nA: b\r\n c\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
    ],
)
async def test_nonsense_from_an_instance_is_a_502(cluster: Start, answer: bytes) -> None:
    made = cluster(1)
    got = await talk(made.port, request(start=f"POST /raw/{answer.hex()} HTTP/1.1"))
    assert got.startswith(b"HTTP/1.1 502 ")
    assert b"nonsense" not in got


async def test_bytes_after_an_answer_are_not_the_next_answer(cluster: Start) -> None:
    made = cluster(1)
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nX: evil\r\n\r\n"
    got = await talk(made.port, request(start=f"GET /raw/{answer.hex()} HTTP/1.1") + request())
    assert b"evil" not in got.replace(answer.hex().encode(), b"")
    assert got.count(b"HTTP/1.1 200 ") == 2


async def test_an_upgrade_becomes_a_tunnel(cluster: Start) -> None:
    made = cluster(1, listener='upgrades = ["shout"]')
    reader, writer = await asyncio.open_connection("127.0.0.1", made.port)
    writer.write(request("Connection: Upgrade", "Upgrade: shout", start="GET /upgrade HTTP/1.1"))
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101 ")
    assert b"Connection: Upgrade\r\nUpgrade: shout\r\n" in head
    for word in (b"hello", b"there"):
        writer.write(word)
        assert await reader.readexactly(5) == word.upper()
    writer.write_eof()
    assert await reader.read() == b""
    writer.close()
    await asyncio.to_thread(
        wait_until, lambda: made.state()["in_flight"] == 0, "the tunnel is over"
    )


async def test_an_upgrade_that_is_not_allowed_is_not_passed_on(cluster: Start) -> None:
    made = cluster(1)
    head = said(await talk(made.port, request("Connection: Upgrade", "Upgrade: h2c")))["head"]
    assert "pgrade" not in head


@pytest.mark.parametrize("more", [(), ("--tcp",), ("--workers=2",)])
def test_the_quick_form_starts_and_serves(cluster: Start, more: tuple[str, ...]) -> None:
    backends, port = cluster(2).backends, free_port()
    arguments = [f"--backend=127.0.0.1:{b.port}" for b in backends]
    listen = f"--listen=127.0.0.1:{port}"
    popen = start_balancer(listen, *arguments, *more, output=subprocess.DEVNULL)
    quick = Process(popen, port)
    try:
        wait_until(lambda: ask(port).status == 200, "the quick form")
        served = {ask(port).headers["x-served-by"] for _ in range(20)}
        assert served == {b.name for b in backends}
        assert ("via" in ask(port).headers) == ("--tcp" not in more)
    finally:
        quick.end()


async def test_our_own_errors_are_problem_details(cluster: Start) -> None:
    made = cluster(1)
    answer = await asyncio.to_thread(
        made.ask, "POST", "/x", None, headers={"Content-Length": "99999999", "X-Request-Id": "r-9"}
    )
    assert answer.status == 413
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-served-by"] == "a/lb-1"
    problem = answer.json()
    assert (problem["type"], problem["status"]) == ("body-too-large", 413)
    assert {"title", "detail", "request_id"} <= problem.keys()


async def test_slow_heads_get_408(cluster: Start) -> None:
    made = cluster(1, listener="head = 0.5")
    reader, writer = await asyncio.open_connection("127.0.0.1", made.port)
    began = time.monotonic()

    async def drip() -> None:
        for byte in b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 100:
            writer.write(bytes([byte]))
            await asyncio.sleep(0.1)

    dripping = asyncio.create_task(drip())
    got = await reader.read()
    dripping.cancel()
    writer.close()
    assert got.startswith(b"HTTP/1.1 408 ")
    assert time.monotonic() - began < 5


async def test_slow_bodies_get_408_and_no_instance_sees_them(cluster: Start) -> None:
    made = cluster(1, listener="body_idle = 0.3")
    raw = request("Content-Length: 5", start="POST /x HTTP/1.1", body=b"he")
    assert (await talk(made.port, raw, half_close=False)).startswith(b"HTTP/1.1 408 ")
    assert "POST /x" not in made.counts()


async def test_idle_connections_are_closed(cluster: Start) -> None:
    made = cluster(1, listener="idle = 0.3")
    assert await talk(made.port, b"", half_close=False) == b""
    got = await talk(made.port, request(), half_close=False)
    assert got.startswith(b"HTTP/1.1 200 ")


def resident(pid: int) -> int:
    with open(f"/proc/{pid}/statm") as statm:  # noqa: PTH123 - a kernel's file
        return int(statm.read().split()[1]) * 4096


async def test_a_slow_reader_costs_no_memory(cluster: Start) -> None:
    made = cluster(1)
    made.ask("GET", "/stream/100")
    before = resident(made.balancer.popen.pid)
    reader, writer = await asyncio.open_connection("127.0.0.1", made.port, limit=65_536)
    writer.write(request(start="GET /stream/2000 HTTP/1.1"))  # 128 MiB
    await reader.readexactly(100_000)
    await asyncio.sleep(1)  # time in which the backend would send all of it, if it were let
    assert resident(made.balancer.popen.pid) - before < 16 * 1_048_576
    got = 100_000
    while data := await reader.read(1_048_576):
        got += len(data)
        if got > 131_072_000:
            break
    writer.close()
    assert got > 131_072_000


async def test_sigterm_finishes_what_was_begun(cluster: Start) -> None:
    made: Cluster = cluster(1)
    late = asyncio.create_task(asyncio.to_thread(made.ask, "GET", "/sleep/1.5"))
    await asyncio.to_thread(wait_until, lambda: made.state()["in_flight"] == 1, "under way")
    made.balancer.signal(signal.SIGTERM)
    answer = await late
    assert (answer.status, answer.body) == (200, b"late")
    assert answer.headers["connection"] == "close"
    assert await asyncio.to_thread(made.balancer.popen.wait, 10) == 0
    assert '"message": "stopped"' in made.log.read_text()


async def test_every_change_of_state_is_an_event_with_a_reason(cluster: Start) -> None:
    made = cluster(2)
    made.order("drain", "x-a-1")
    wait_until(lambda: "instance draining" in made.log.read_text(), "the event")
    events = [json.loads(line) for line in made.log.read_text().splitlines()]
    drained = next(e for e in events if e["message"] == "instance draining")
    assert (drained["target"], drained["was"], drained["reason"]) == ("x-a-1", "up", "by hand")


async def test_the_admin_listener_wants_its_token(cluster: Start) -> None:
    made = cluster(1)
    for path, status in (("/healthz", 200), ("/readyz", 200), ("/state", 401), ("/metrics", 401)):
        got = await talk(made.admin, request(start=f"GET {path} HTTP/1.1"), half_close=False)
        assert got.startswith(b"HTTP/1.1 %d " % status)
    wrong = request("Authorization: Bearer x", start="POST /pools/p/instances/x-a-1/drain HTTP/1.1")
    assert (await talk(made.admin, wrong, half_close=False)).startswith(b"HTTP/1.1 401 ")
    assert made.instance("x-a-1")["state"] == "up"
