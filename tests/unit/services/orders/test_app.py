"""The routes, asked through ASGI, with a ledger that only lists."""

import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest
from pydantic import SecretStr

from chassis.lifecycle import Lifecycle
from services.orders.app import create_app
from services.orders.config import OrdersSettings
from services.orders.decisions import Order, Place

from .test_decisions import ORDER

ACCOUNT = ORDER.account_id
PENDING = replace(ORDER, id=str(uuid.uuid4()), status="pending")
CONFIRMED = replace(ORDER, id=str(uuid.uuid4()), status="confirmed")


class Ledger:
    """Some orders of one account."""

    orders = [  # noqa: RUF012 - never changed
        replace(ORDER, id=str(uuid.uuid4()), created_at=ORDER.created_at - timedelta(hours=n))
        for n in range(5)
    ]

    async def of_account(
        self, account_id: str, limit: int, after: Place | None, *, eventual: bool
    ) -> tuple[list[Order], float]:
        assert account_id == ACCOUNT
        later = [o for o in self.orders if after is None or o.created_at < after.created_at]
        return later[:limit], 0.25 if eventual else 0.0

    async def get(
        self, order_id: uuid.UUID, account_id: str, *, eventual: bool
    ) -> tuple[Order, float]:
        assert (account_id, eventual) == (ACCOUNT, False)
        return {uuid.UUID(o.id): o for o in (PENDING, CONFIRMED)}[order_id], 0.0


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    settings = OrdersSettings(
        instance="orders-a-1", postgres_dsn=SecretStr("postgresql://nowhere/x"), kafka_brokers="x:1"
    )
    app = create_app(settings, Lifecycle(), Ledger(), {})  # type: ignore[arg-type]
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app),
        base_url="http://orders",
        headers={"X-Account-Id": ACCOUNT},
    ) as client:
        yield client


async def test_orders_come_page_by_page(client: httpx.AsyncClient) -> None:
    seen: list[str] = []
    cursor: str | None = None
    while True:
        params = {"limit": "2", **({"cursor": cursor} if cursor else {})}
        page = (await client.get("/orders", params=params)).json()
        seen += [order["id"] for order in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == [order.id for order in Ledger.orders]


async def test_a_pending_order_says_when_to_look_again(client: httpx.AsyncClient) -> None:
    pending, confirmed = [await client.get(f"/orders/{o.id}") for o in (PENDING, CONFIRMED)]
    assert (pending.json()["status"], pending.headers["Retry-After"]) == ("pending", "1")
    assert confirmed.json()["status"] == "confirmed"
    assert "Retry-After" not in confirmed.headers


@pytest.mark.parametrize("cursor", ["", "x", str(uuid.UUID(int=7)), "%00" * 32])
async def test_a_cursor_that_is_none_of_ours_is_a_bad_field(
    client: httpx.AsyncClient, cursor: str
) -> None:
    answer = await client.get(f"/orders?cursor={cursor}")
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == ["cursor"]


@pytest.mark.parametrize("limit", ["0", "101", "", "x", "1_0", "%2B5", "%205", "5.0", "%D9%A3"])
async def test_a_limit_that_is_no_number_from_1_to_100_is_a_bad_field(
    client: httpx.AsyncClient, limit: str
) -> None:
    answer = await client.get(f"/orders?limit={limit}")
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == ["limit"]


@pytest.mark.parametrize("account", ["", "nobody", "1"])
async def test_who_is_no_account_is_not_signed_in(client: httpx.AsyncClient, account: str) -> None:
    """Such an id comes from within: the gateway has its own from the session."""
    for path in ("/orders", f"/orders/{uuid.uuid4()}"):
        answer = await client.get(path, headers={"X-Account-Id": account})
        assert (answer.status_code, answer.json()["type"]) == (401, "unauthorized")
