"""Workloads' clients against real servers on loopback: what is written when nobody answers."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, closing
from pathlib import Path

import pytest
from aiohttp import web

from gamedays.checkers.register import linearizable
from gamedays.history import Operation, Writer, read
from gamedays.workloads import registers
from gamedays.workloads.buyers import Buyers
from gamedays.workloads.edges import Edges
from gamedays.workloads.registers import NewestOrder
from gamedays.workloads.signing import SignIns
from gamedays.workloads.stage import Person, Stage

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Server:
    """An edge whose answers a test decides, and that counts what it was asked."""

    def __init__(self, handler: Handler) -> None:
        self.handler = handler
        self.asked: list[str] = []
        self.url = ""

    async def start(self) -> None:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"

    async def stop(self) -> None:
        await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(f"{request.method} {request.path}")
        return await self.handler(request)


async def fine(_: web.Request) -> web.StreamResponse:
    return web.json_response({"id": "o1", "seats": [1, 2]}, status=201)


async def broken(_: web.Request) -> web.StreamResponse:
    return web.json_response({}, status=503, headers={"Retry-After": "0"})


async def hanging(_: web.Request) -> web.StreamResponse:
    await asyncio.Event().wait()
    raise AssertionError


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[Writer]:
    with closing(Writer(tmp_path)) as writer:
        yield writer


@pytest.fixture
async def two() -> AsyncIterator[tuple[Server, Server]]:
    servers = Server(fine), Server(fine)
    async with AsyncExitStack() as stack:
        for server in servers:
            await server.start()
            stack.push_async_callback(server.stop)
        yield servers


async def test_an_edge_that_is_dead_is_left_for_the_other(two: tuple[Server, Server]) -> None:
    one, other = two
    await one.stop()
    async with Edges.open([one.url, other.url]) as edges:
        for _ in range(3):
            assert (await edges.send("GET", "/shows", home=0)).status == 201
    assert other.asked == ["GET /api/v1/shows"] * 3


async def test_what_was_answered_is_not_sent_again(two: tuple[Server, Server]) -> None:
    one, other = two
    one.handler = broken
    async with Edges.open([one.url, other.url]) as edges:
        answer = await edges.send("POST", "/orders", home=0, key="k")
    assert (answer.status, answer.retry_after) == (503, 0.0)
    assert other.asked == []


async def test_silence_goes_to_the_other_edge_and_ends(two: tuple[Server, Server]) -> None:
    one, other = two
    one.handler = hanging
    async with Edges.open([one.url, other.url]) as edges:
        assert (await edges.send("GET", "/shows", home=0, attempt=0.1)).status == 201
        other.handler = hanging
        answer = await edges.send("GET", "/shows", home=0, attempt=0.1, patience=0.3)
        assert answer.status == 0
        assert answer.error


async def test_what_may_not_be_sent_twice_is_tried_once(two: tuple[Server, Server]) -> None:
    one, other = two
    one.handler = hanging
    async with Edges.open([one.url, other.url]) as edges:
        answer = await edges.send("POST", "/accounts", home=0, tries=1, attempt=0.1)
    assert answer.status == 0
    assert (len(one.asked), other.asked) == (1, [])


async def test_a_buyer_asks_again_by_its_key_until_it_is_answered(
    two: tuple[Server, Server], tmp_path: Path, writer: Writer
) -> None:
    one, other = two
    keys: list[str] = []

    async def first_broken(request: web.Request) -> web.StreamResponse:
        keys.append(request.headers["Idempotency-Key"])
        return await (broken if len(keys) == 1 else fine)(request)

    one.handler = other.handler = first_broken
    async with Edges.open([one.url, other.url]) as edges:
        stage = Stage(edges, writer, random.Random(1), shows=[7])
        stage.load_begins()
        buying = asyncio.create_task(Buyers(stage, [Person("e", "p")], rate=0.01).run())
        while len(keys) < 2:
            await asyncio.sleep(0.01)
        stage.load_ends()
        await buying

    assert len(set(keys)) == 1
    told = read(tmp_path).of("order")
    assert [o.outcome for o in told] == ["info", "ok"]
    assert {o.key for o in told} == set(keys)
    assert told[0].answered == {"status": 503, "retry_after": 0.0}
    assert told[1].answered == {"order": "o1", "seats": [1, 2]}
    assert told[0].asked["show_id"] == 7


async def test_a_buyer_gives_up_when_told_and_the_outcome_stays_unknown(
    two: tuple[Server, Server], tmp_path: Path, writer: Writer
) -> None:
    one, other = two
    one.handler = other.handler = broken
    async with Edges.open([one.url, other.url]) as edges:
        stage = Stage(edges, writer, random.Random(1), shows=[7])
        stage.load_begins()
        buying = asyncio.create_task(Buyers(stage, [Person("e", "p")], rate=0.01).run())
        while not one.asked:
            await asyncio.sleep(0.01)
        stage.load_ends()
        stage.given_up.set()
        await buying
    assert {o.outcome for o in read(tmp_path).of("order")} == {"info"}


async def test_a_buyer_who_cannot_sign_in_gives_up_too(
    two: tuple[Server, Server], tmp_path: Path, writer: Writer
) -> None:
    async def unknown(request: web.Request) -> web.StreamResponse:
        if request.path.endswith("/sessions"):
            return await broken(request)
        return web.json_response({}, status=401)

    for server in two:
        server.handler = unknown
    async with Edges.open([server.url for server in two]) as edges:
        stage = Stage(edges, writer, random.Random(1), shows=[7])
        stage.load_begins()
        stage.given_up.set()
        buying = asyncio.create_task(Buyers(stage, [Person("e", "p")], rate=0.01).run())
        while not two[0].asked:
            await asyncio.sleep(0.01)
        stage.load_ends()
        async with asyncio.timeout(5):
            await buying
    assert len(read(tmp_path).of("order")) == 1


async def test_a_full_register_is_followed_by_another_and_read_to_the_end(
    two: tuple[Server, Server],
    tmp_path: Path,
    writer: Writer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("_READ_SECONDS", "_WRITE_SECONDS"):
        monkeypatch.setattr(registers, name, 0.01)
    monkeypatch.setattr(registers, "MOST_OPERATIONS", 40)
    people: list[str] = []
    newest: dict[str, str] = {}

    async def box_office(request: web.Request) -> web.StreamResponse:
        who = request.headers.get("Authorization", "").removeprefix("Bearer ")
        match request.method, request.path.rsplit("/", 1)[1]:
            case "POST", "accounts":
                people.append(f"{len(people):08}")
                return web.json_response({"id": people[-1]}, status=201)
            case "POST", "sessions":
                return web.json_response({"token": people[-1]}, status=201)
            case "POST", "orders":
                newest[who] = request.headers["Idempotency-Key"]
                return web.json_response({"id": newest[who]}, status=201)
        items = [{"id": newest[who]}] if who in newest else []
        return web.json_response({"items": items})

    for server in two:
        server.handler = box_office
    async with Edges.open([server.url for server in two]) as edges:
        stage = Stage(edges, writer, random.Random(1))
        who = await Person.sign_up(stage)
        stage.load_begins()
        living = asyncio.create_task(NewestOrder(stage, who, show=7).run())
        while len(people) < 3:
            await asyncio.sleep(0.01)
        stage.load_ends()
        await living

    played = read(tmp_path)
    by_register: dict[str, list[Operation]] = {}
    for operation in played.of("newest"):
        by_register.setdefault(operation.key, []).append(operation)
    assert len(by_register) >= 2
    for operations in by_register.values():
        assert len(operations) <= 40
        written = [o.begin for o in operations if o.asked["f"] == "write"]
        assert (
            sum(o.asked["f"] == "read" and o.begin >= max(written, default=0) for o in operations)
            >= 3
        )
    verdict = linearizable("newest")(played)
    assert verdict.valid, verdict.detail


async def test_who_signs_in_and_out_goes_on_after_a_refusal(
    two: tuple[Server, Server], tmp_path: Path, writer: Writer
) -> None:
    one, other = two
    refusals = 1

    async def sessions(request: web.Request) -> web.StreamResponse:
        nonlocal refusals
        if request.method == "POST" and refusals:
            refusals -= 1
            return await broken(request)
        return web.json_response({"token": "t"}, status=201)

    one.handler = other.handler = sessions
    who = Person("e", "p")
    who.account = "c"
    async with Edges.open([one.url, other.url]) as edges:
        stage = Stage(edges, writer, random.Random(1))
        stage.load_begins()
        signing = asyncio.create_task(SignIns(stage, who).run())
        while len(one.asked) + len(other.asked) < 3:
            await asyncio.sleep(0.01)
        stage.load_ends()
        await signing

    told = read(tmp_path).of("signing")
    assert {o.key for o in told} == {"shard-1"}
    assert [o.outcome for o in told] == ["info", "ok", "ok"]
    asked = sorted(one.asked + other.asked)
    assert asked == ["DELETE /api/v1/sessions/current", *["POST /api/v1/sessions"] * 2]
