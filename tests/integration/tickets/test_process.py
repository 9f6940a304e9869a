"""tickets as a process, on a real Postgres and a real Kafka, with orders played by the test."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from typing import Any

import asyncpg
import httpx
import pytest
from aiohttp import web

from chassis.bus.event import Event
from chassis.bus.producer import Producer

SEED = "07" * 32


class OrdersService:
    """Answers in orders' place, as the mesh would bring it."""

    def __init__(self) -> None:
        self.url = ""
        self.asked: list[str] = []
        self.orders: dict[tuple[str, str], dict[str, object]] = {}
        self.away = False

    def know(self, order_id: str, account_id: str, status: str, seats: list[int]) -> None:
        total = {"amount": 4500 * len(seats), "currency": "EUR"}
        self.orders[order_id, account_id] = {
            "id": order_id, "show_id": 3, "status": status, "seats": seats, "total": total,
            "created_at": "2026-05-01T20:00:00Z",
        }  # fmt: skip

    async def answer(self, request: web.Request) -> web.Response:
        assert request.headers["Host"] == "orders"
        self.asked.append(request.path)
        if self.away:
            return web.Response(status=503, headers={"Retry-After": "1"})
        order_id = request.match_info["order_id"]
        order = self.orders.get((order_id, request.headers["X-Account-Id"]))
        return web.json_response(order) if order else web.Response(status=404)


@pytest.fixture
async def orders() -> AsyncIterator[OrdersService]:
    service = OrdersService()
    app = web.Application()
    app.router.add_get("/orders/{order_id}", service.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    service.url = f"http://{host}:{port}"
    yield service
    await runner.cleanup()


@pytest.fixture
async def client(
    start_service: Callable[..., Any],
    postgres: Callable[[str], str],
    kafka: str,
    orders: OrdersService,
) -> AsyncIterator[httpx.AsyncClient]:
    owner = await asyncpg.connect(postgres("tickets"))
    await owner.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    await owner.close()
    service = await asyncio.to_thread(
        start_service,
        "tickets",
        POSTGRES_DSN=postgres("tickets"),
        KAFKA_BROKERS=kafka,
        MESH=orders.url,
        TICKET_SIGNING_KEY=SEED,
    )
    async with httpx.AsyncClient(base_url=service.url) as client:
        yield client
    assert await asyncio.to_thread(service.stop) == 0


async def get(client: httpx.AsyncClient, order_id: str, account_id: str) -> httpx.Response:
    return await client.get(f"/tickets/{order_id}", headers={"X-Account-Id": account_id})


async def until_issued(client: httpx.AsyncClient, order_id: str, account_id: str) -> httpx.Response:
    for _ in range(400):
        reply = await get(client, order_id, account_id)
        if reply.status_code == 200:
            return reply
        await asyncio.sleep(0.05)
    raise TimeoutError(f"no tickets for {order_id}")


def new_order() -> tuple[str, str]:
    return str(uuid.uuid4()), str(uuid.uuid4())


async def test_tickets_come_by_the_event_and_are_verifiable(
    client: httpx.AsyncClient, orders: OrdersService, kafka: str
) -> None:
    order_id, account_id = new_order()
    data = {"order_id": order_id, "account_id": account_id, "show_id": 3, "seats": [11, 12]}
    event = Event.about(order_id, "OrderConfirmed", "3", data)
    record = ("orders", event.key.encode(), event.encode())

    async with Producer.open(kafka, "test") as producer:
        await producer.publish([record, record])
    reply = await until_issued(client, order_id, account_id)

    assert orders.orders == {}  # orders never said that it is confirmed: the event did
    tickets = reply.json()["tickets"]
    assert (reply.json()["order_id"], reply.json()["show_id"]) == (order_id, 3)
    assert [t["seat"] for t in tickets] == [11, 12]
    verdict = (await client.get("/tickets/verify", params={"code": tickets[1]["code"]})).json()
    assert verdict == {"valid": True, "order_id": order_id, "show_id": 3, "seat": 12}
    forged = tickets[1]["code"][:-4] + "AAAA"
    verdict = (await client.get("/tickets/verify", params={"code": forged})).json()
    assert verdict == {"valid": False}
    (key,) = (await client.get("/tickets/keys")).json()["keys"]
    assert key["kty"] == "OKP"


async def test_who_sees_confirmed_gets_tickets_before_the_event_is_here(
    client: httpx.AsyncClient, orders: OrdersService
) -> None:
    order_id, account_id = new_order()
    orders.know(order_id, account_id, "confirmed", [21, 22])

    first = await get(client, order_id, account_id)
    again = await get(client, order_id, account_id)

    assert first.status_code == 200
    assert [t["seat"] for t in first.json()["tickets"]] == [21, 22]
    assert again.json() == first.json()
    assert len(orders.asked) == 1  # afterwards they are stored
    assert (await get(client, order_id, str(uuid.uuid4()))).status_code == 404


async def test_who_may_not_have_tickets_gets_none(
    client: httpx.AsyncClient, orders: OrdersService
) -> None:
    pending, account_id = new_order()
    orders.know(pending, account_id, "pending", [31])

    assert (await get(client, pending, account_id)).status_code == 404
    assert (await get(client, str(uuid.uuid4()), account_id)).status_code == 404
    assert (await get(client, "no-uuid", account_id)).status_code == 404
    assert (await client.get(f"/tickets/{pending}")).status_code == 401

    orders.away = True
    unknown = await get(client, pending, account_id)
    assert unknown.status_code == 503
    assert "retry-after" in unknown.headers
