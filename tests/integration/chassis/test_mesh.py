"""Two balancers by real sockets: one that hangs, one that answers."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager

import pytest
from aiohttp import web

from chassis import mesh
from chassis.mesh import MeshClient
from chassis.problems import DeadlineMissed
from chassis.resilience import Deadline, current_deadline


@pytest.fixture(autouse=True)
def soon_in_doubt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mesh, "_DOUBT_SECONDS", 0.05)
    monkeypatch.setattr(mesh, "_ANSWER_SECONDS", 0.2)


class Balancer:
    """Answers when it may; knows no host `balancer`, as a real one."""

    def __init__(self) -> None:
        self.going = asyncio.Event()
        self.service = asyncio.Event()
        self.going.set()
        self.service.set()
        self.seen: list[str] = []
        self.url = ""

    async def handle(self, request: web.BaseRequest) -> web.Response:
        await self.going.wait()
        if request.host == "balancer":
            return web.Response(status=404)
        self.seen.append(request.method)
        await self.service.wait()
        return web.Response(text=self.url)


@asynccontextmanager
async def balancer() -> AsyncIterator[Balancer]:
    made = Balancer()
    runner = web.ServerRunner(web.Server(made.handle), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield made
    finally:
        made.going.set()
        made.service.set()
        await runner.cleanup()


async def test_from_a_balancer_that_hangs_what_may_go_twice_goes_to_the_other() -> None:
    async with balancer() as home, balancer() as other:
        home.going.clear()
        async with MeshClient.open(f"{home.url},{other.url}") as client:
            get, post = await asyncio.gather(
                client.call("catalog", "GET", "/"),
                client.call("orders", "POST", "/", headers={"Idempotency-Key": "k"}, body=b"{}"),
            )
            assert get.body == post.body == other.url.encode()
            assert (await client.call("catalog", "GET", "/")).body == other.url.encode()


async def test_what_must_not_go_twice_waits_for_its_deadline() -> None:
    async with balancer() as home, balancer() as other:
        home.going.clear()
        async with MeshClient.open(f"{home.url},{other.url}") as client:
            token = current_deadline.set(Deadline.after(0.5))
            with pytest.raises(DeadlineMissed):
                await client.call("orders", "POST", "/", body=b"{}")
            current_deadline.reset(token)
        assert other.seen == []


@contextmanager
def address_that_nobody_answers() -> Iterator[str]:
    """A listener whose queue is full: the kernel drops what comes, as an address without host."""
    with ExitStack() as sockets:
        listener = sockets.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        port = listener.getsockname()[1]
        for _ in range(2):
            waiting = sockets.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(("127.0.0.1", port))
        yield f"http://127.0.0.1:{port}"


async def test_what_never_left_goes_to_the_other_balancer_even_without_a_key() -> None:
    with address_that_nobody_answers() as silence:
        async with balancer() as other, MeshClient.open(f"{silence},{other.url}") as client:
            reply = await client.call("orders", "POST", "/", body=b"{}")
            assert reply.body == other.url.encode()


async def test_a_slow_service_is_not_a_balancer_that_hangs() -> None:
    async with balancer() as home, balancer() as other:
        home.service.clear()
        async with MeshClient.open(f"{home.url},{other.url}") as client:
            call = asyncio.create_task(client.call("acquirer", "GET", "/"))
            while not home.seen:
                await asyncio.sleep(0.01)
            await asyncio.wait({call}, timeout=0.4)  # many times in doubt
            assert not call.done()
            home.service.set()
            assert (await call).body == home.url.encode()
        assert other.seen == []


async def test_it_goes_home_when_home_answers_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mesh, "_RETURN_SECONDS", 0.05)
    async with balancer() as home, balancer() as other:
        home.going.clear()
        async with MeshClient.open(f"{home.url},{other.url}") as client:
            assert (await client.call("catalog", "GET", "/")).body == other.url.encode()
            home.going.set()
            async with asyncio.timeout(5):
                while (await client.call("catalog", "GET", "/")).body != home.url.encode():
                    await asyncio.sleep(0.02)
