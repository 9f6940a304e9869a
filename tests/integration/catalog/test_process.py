"""catalog as a process of its own, on real stores and a real Kafka."""

import asyncio
import uuid
from typing import Any

import httpx
import pytest

from chassis.bus.event import Event
from chassis.bus.producer import Producer
from services.programme import programme

SMALL = next(show for show in programme() if show.seats_total == 50)


@pytest.fixture
def environment(empty: str, copies: tuple[str, str], nowhere: str) -> dict[str, str]:
    return {
        "POSTGRES_DSN": empty,
        "REDIS_NODES": copies[0],
        "REDIS_PASSWORD": copies[1],
        "KAFKA_BROKERS": nowhere,
        "CACHE_SECONDS": "0.2",
        "CACHE_GRACE_SECONDS": "0.1",
    }


def event(kind: str, seats: list[int], order_id: str | None = None) -> Event:
    data = {"show_id": SMALL.id, "seats": seats}
    return Event.about(order_id or str(uuid.uuid4()), kind, str(SMALL.id), data)


async def tell(producer: Producer, *events: Event) -> None:
    await producer.publish([("orders", e.key.encode(), e.encode()) for e in events])


async def until_left(client: httpx.AsyncClient, seats: int) -> None:
    """Waits until this many seats are left."""
    left: Any = None
    for _ in range(400):
        left = (await client.get(f"/shows/{SMALL.id}")).json()["seats_left"]
        if left == seats:
            return
        await asyncio.sleep(0.05)
    raise TimeoutError(f"{left} seats are left, not {seats}")


async def test_free_seats_follow_the_orders_whatever_comes_twice(
    start_service: Any, environment: dict[str, str], kafka: str
) -> None:
    order_id = str(uuid.uuid4())
    told = [
        *(event("OrderPlaced", [1, 2, 3]), event("OrderPlaced", [4, 5], order_id)),
        *(event("OrderDeclined", [4, 5], order_id), event("OrderConfirmed", [1, 2, 3])),
    ]
    service = start_service("catalog", **{**environment, "KAFKA_BROKERS": kafka})

    async with (
        Producer.open(kafka, "test") as producer,
        httpx.AsyncClient(base_url=service.url) as client,
    ):
        await tell(producer, *told, *told)
        await until_left(client, 50 - 3)
        await tell(producer, *told, event("OrderPlaced", [6]))  # the same once more, and one new
        await until_left(client, 50 - 3 - 1)

    assert service.stop() == 0


async def test_without_kafka_it_starts_answers_and_stops(
    start_service: Any, environment: dict[str, str]
) -> None:
    service = start_service("catalog", **environment)

    async with httpx.AsyncClient(base_url=service.url) as client:
        assert (await client.get(f"/shows/{SMALL.id}")).status_code == 200

    assert service.stop() == 0


async def test_without_postgres_it_starts_on_the_copies_that_others_left(
    start_service: Any, environment: dict[str, str], nowhere: str
) -> None:
    before = start_service("catalog", **environment)
    async with httpx.AsyncClient(base_url=before.url) as client:
        shows = (await client.get("/shows")).json()
    dsn = f"postgresql://catalog:x@{nowhere}/catalog"

    after = start_service("catalog", **{**environment, "POSTGRES_DSN": dsn})

    async with httpx.AsyncClient(base_url=after.url) as client:
        assert (await client.get("/shows")).json() == shows
