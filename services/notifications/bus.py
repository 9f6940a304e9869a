"""Fan-out: one topic, several subscribers, each a consumer group with connections of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING

from chassis.bus.consumer import Consumer
from chassis.lifecycle import background
from chassis.store.postgres import Database

if TYPE_CHECKING:
    from chassis.bus.producer import Producer
    from services.notifications.config import NotificationsSettings
    from services.notifications.subscribers.subscriber import Subscriber

ORDERS = "orders"


async def fan_out(
    settings: NotificationsSettings, subscribers: Iterable[Subscriber], producer: Producer
) -> None:
    """Hands orders' events to every subscriber, until cancelled.

    They share nothing but the process and the dead letters: one that waits or fails holds up
    neither the thread, nor the offset, nor the connections of another. It begins again by itself.
    """
    async with asyncio.TaskGroup() as group:  # told to end together, they end side by side
        for subscriber in subscribers:
            work = partial(_subscribe, settings, subscriber, producer)
            group.create_task(_keep_up(subscriber.name, work), name=subscriber.name)


async def _keep_up(name: str, work: Callable[[], Awaitable[None]]) -> None:
    async with background(name, work):
        await asyncio.Event().wait()


async def _subscribe(
    settings: NotificationsSettings, subscriber: Subscriber, producer: Producer
) -> None:
    dsn = settings.postgres_dsn.get_secret_value()
    async with Database.open(dsn, size=settings.subscriber_pool) as database:
        consumer = Consumer(
            brokers=settings.kafka_brokers,
            group=subscriber.name,
            topics=[ORDERS],
            handle=partial(subscriber.receive, database),
            producer=producer,
            client_id=f"{settings.instance}-{subscriber.name}",
            near=settings.zone,  # nobody waits for this
        )
        await consumer.run()
