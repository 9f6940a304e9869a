"""Layer 4: bytes are passed on as they are; a connection that cannot be made is made elsewhere."""

import asyncio
import errno
import http.client
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, suppress

import pytest

from loadbalancer.wire.proxy import LOCAL, Address, ProxyReader, header
from tests.integration.loadbalancer.harness import Cluster, Start, wait_until
from tests.integration.loadbalancer.test_http import request, resident, talk

TCP = 'mode = "tcp"'
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def serving(serve: Serve) -> AsyncIterator[int]:
    """A server in this process; gives its port. What still stands at its end is closed with it."""

    async def served(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        finally:
            writer.close()

    server = await asyncio.start_server(served, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


@pytest.fixture
async def tunnel(cluster: Start) -> AsyncIterator[Callable[..., object]]:
    """Called with what serves and TOML for pool and listener; gives the balancer's port."""
    async with AsyncExitStack() as stack:

        async def start(serve: Serve, *, pool: str = "", listener: str = "") -> Cluster:
            port = await stack.enter_async_context(serving(serve))
            instances = f'[pools.q]\ninstances = [{{address = "127.0.0.1:{port}"}}]\n{pool}'
            made: Cluster = await asyncio.to_thread(
                lambda: cluster(
                    0, listener=f'{TCP}\npool = "q"\n{listener}', more=instances, routes=""
                )
            )
            await asyncio.to_thread(
                wait_until, lambda: made.whole_state()["pools"]["q"]["healthy"] == 1, "up"
            )
            return made

        yield start


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """All of it, and only when all of it has come."""
    writer.write(await reader.read())
    writer.close()


async def break_off(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Half of it, and when that was heard of, a reset."""
    writer.write(b"half")
    await reader.read(1)
    linger = struct.pack("ii", 1, 0)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    writer.transport.abort()


async def test_an_instance_that_breaks_off_does_not_look_as_if_all_had_been_said(
    tunnel: Callable[..., Awaitable[Cluster]],
) -> None:
    made = await tunnel(break_off)
    reader, writer = await asyncio.open_connection("127.0.0.1", made.port)
    async with asyncio.timeout(10):
        assert await reader.readexactly(4) == b"half"
        writer.write(b".")
        with pytest.raises(ConnectionResetError):
            await reader.read()
    writer.close()


def test_http_through_layer_4_and_each_connection_its_instance(cluster: Start) -> None:
    made: Cluster = cluster(2, listener=TCP)
    assert {made.ask().body for _ in range(6)} == {b"a/x-a-1", b"a/x-a-2"}
    connection = http.client.HTTPConnection("127.0.0.1", made.port, timeout=10)
    served = set()
    for _ in range(5):
        connection.request("GET", "/x")
        served.add(connection.getresponse().read())
    connection.close()
    assert len(served) == 1
    wait_until(lambda: 'outcome="done"} 7' in made.metrics(), "counted")
    assert made.state()["in_flight"] == 0


def test_a_dead_instance_costs_nobody_a_connection(cluster: Start) -> None:
    made: Cluster = cluster(2, listener=TCP, pool="check = {interval = 60, down_interval = 60}")
    made.backends[0].kill()
    assert {made.ask().body for _ in range(10)} == {b"a/x-a-2"}
    wait_until(lambda: made.state()["healthy"] == 1, "it is out")


def test_when_all_are_dead_the_connection_ends(cluster: Start) -> None:
    made: Cluster = cluster(1, listener=TCP)
    made.backends[0].kill()
    with pytest.raises((ConnectionResetError, http.client.RemoteDisconnected)):
        made.ask()
    wait_until(lambda: 'outcome="unreachable"} 1' in made.metrics(), "counted")


async def test_half_a_connection_can_be_closed(tunnel: Callable[..., object]) -> None:
    made = await tunnel(echo)  # type: ignore[misc]
    for size in (0, 5, 3_000_000):
        reader, writer = await asyncio.open_connection("127.0.0.1", made.port)
        writer.write(b"x" * size)
        writer.write_eof()
        assert await reader.read() == b"x" * size
        writer.close()


async def test_the_instance_may_speak_first_and_leave_at_once(
    tunnel: Callable[..., object],
) -> None:
    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"hello and goodbye")
        writer.close()

    made = await tunnel(greet)  # type: ignore[misc]
    for _ in range(20):
        reader, writer = await asyncio.open_connection("127.0.0.1", made.port)
        assert await reader.read() == b"hello and goodbye"
        writer.close()


async def test_a_slow_reader_costs_no_memory(cluster: Start) -> None:
    made: Cluster = cluster(1, listener=TCP)
    made.ask("GET", "/stream/100")
    before = resident(made.balancer.popen.pid)
    reader, writer = await asyncio.open_connection("127.0.0.1", made.port, limit=65_536)
    writer.write(request(start="GET /stream/2000 HTTP/1.1"))  # 128 MiB
    await reader.readexactly(100_000)
    await asyncio.sleep(1)  # time in which the backend would send all of it, if it were let
    assert resident(made.balancer.popen.pid) - before < 16 * 1_048_576
    got = 100_000
    while got < 131_072_000 and (data := await reader.read(1_048_576)):
        got += len(data)
    writer.close()
    assert got >= 131_072_000


async def test_an_idle_tunnel_is_closed_and_one_that_talks_is_not(
    tunnel: Callable[..., object],
) -> None:
    async def shout(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(100):
            writer.write(data.upper())
        writer.close()

    made = await tunnel(shout, listener="tunnel_idle = 1")  # type: ignore[misc]
    idle, idle_writer = await asyncio.open_connection("127.0.0.1", made.port)
    busy, busy_writer = await asyncio.open_connection("127.0.0.1", made.port)
    closed = asyncio.create_task(idle.read())
    while not closed.done():
        busy_writer.write(b"x")
        assert await busy.readexactly(1) == b"X"
        await asyncio.sleep(0.05)
    assert await closed == b""
    busy_writer.write(b"x")
    assert await busy.readexactly(1) == b"X"
    for writer in (idle_writer, busy_writer):
        writer.close()


@pytest.mark.parametrize("leaves", [True, False])
async def test_who_does_not_read_is_not_kept_for_ever(
    tunnel: Callable[..., object], *, leaves: bool
) -> None:
    async def flood(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            writer.write(b"x" * 8_000_000)
            await (asyncio.sleep(0.2) if leaves else writer.drain())
            writer.close()

    made = await tunnel(flood, listener="tunnel_idle = 1")  # type: ignore[misc]

    def gone() -> bool:
        return 'balancer_connections{listener="l"} 0' in made.metrics()

    with ExitStack() as stack:
        callers = [
            stack.enter_context(socket.create_connection(("127.0.0.1", made.port)))
            for _ in range(5)
        ]
        await asyncio.to_thread(wait_until, lambda: not gone(), "they came")
        await asyncio.to_thread(wait_until, gone, "they were let go")
        for caller in callers:  # the kernel keeps nothing for them either
            assert caller.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.ECONNRESET
    assert made.whole_state()["pools"]["q"]["in_flight"] == 0


async def test_the_instance_is_told_who_the_caller_is(tunnel: Callable[..., object]) -> None:
    told = []

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = ProxyReader()
        while head.wanted:
            head.feed(await reader.readexactly(head.wanted))
        told.append(head.source)
        writer.write(await reader.read(100))
        writer.close()

    made = await tunnel(listen, pool="send_proxy = true")  # type: ignore[misc]
    reader, writer = await asyncio.open_connection("127.0.0.1", made.port)
    own = writer.get_extra_info("sockname")
    writer.write(b"hi")
    assert await reader.read() == b"hi"
    writer.close()
    assert Address(*own) in told
    while None not in told:  # a check
        await asyncio.sleep(0.05)


FROM = header(Address("203.0.113.9", 1234), Address("203.0.113.1", 80))


@pytest.mark.parametrize("split", [False, True])
async def test_who_passes_a_connection_on_says_who_the_caller_is(
    cluster: Start, split: bool
) -> None:
    made: Cluster = cluster(1, listener='proxy_from = ["127.0.0.0/8"]\nhead = 1')
    reader, writer = await asyncio.open_connection("127.0.0.1", made.port)
    data = FROM + request(start="GET /echo HTTP/1.1")
    for piece in [data[n : n + 1] for n in range(len(data))] if split else [data]:
        writer.write(piece)
        await writer.drain()
        await asyncio.sleep(0)
    assert b"X-Forwarded-For: 203.0.113.9" in await reader.readuntil(b"203.0.113.9")
    writer.close()


@pytest.mark.parametrize("data", [request(), FROM[:-1], FROM[:12] + b"\x31" + FROM[13:], b""])
async def test_who_should_say_it_and_does_not_is_not_let_in(cluster: Start, data: bytes) -> None:
    made: Cluster = cluster(1, listener='proxy_from = ["127.0.0.0/8"]\nhead = 0.5')
    with suppress(ConnectionResetError):
        assert await talk(made.port, data, half_close=False) == b""
    assert (await talk(made.port, LOCAL + request(start="GET /a HTTP/1.1"))).startswith(
        b"HTTP/1.1 200 "
    )


async def test_a_reload_turns_nobody_away_who_says_who_it_is(cluster: Start) -> None:
    made: Cluster = cluster(1, listener='proxy_from = ["127.0.0.0/8"]')
    reloads = [asyncio.create_task(asyncio.to_thread(made.reload)) for _ in range(5)]
    while not all(task.done() for task in reloads):
        got = await asyncio.gather(*(talk(made.port, FROM + request()) for _ in range(10)))
        assert all(answer.startswith(b"HTTP/1.1 200 ") for answer in got)
    assert {(await task).status for task in reloads} == {200}


async def test_others_are_not_believed(cluster: Start) -> None:
    made: Cluster = cluster(1, listener='proxy_from = ["10.0.0.0/8"]')
    assert (await talk(made.port, request())).startswith(b"HTTP/1.1 200 ")
    assert (await talk(made.port, FROM + request())).startswith(b"HTTP/1.1 400 ")


async def test_sigterm_lets_a_tunnel_finish(tunnel: Callable[..., object]) -> None:
    made = await tunnel(echo)  # type: ignore[misc]
    reader, writer = await asyncio.open_connection("127.0.0.1", made.port)
    writer.write(b"begun")
    await asyncio.to_thread(
        wait_until, lambda: made.whole_state()["pools"]["q"]["in_flight"] == 1, "joined"
    )
    made.balancer.popen.terminate()
    await asyncio.to_thread(wait_until, lambda: bool(made.events("draining")), "draining")
    with pytest.raises(OSError):  # noqa: PT011 - nobody listens any more
        socket.create_connection(("127.0.0.1", made.port)).close()
    writer.write(b" and ended")
    writer.write_eof()
    assert await reader.read() == b"begun and ended"
    writer.close()
    assert await asyncio.to_thread(made.balancer.popen.wait, 10) == 0
