"""tickets' place on the bus: it follows what orders tells, and tells nothing itself."""

from __future__ import annotations

import asyncio

from chassis.bus import topics
from chassis.bus.consumer import Consumer
from chassis.bus.dead_letters import TOPIC as DEAD_LETTERS
from chassis.bus.producer import Producer
from services.tickets.config import TicketsSettings
from services.tickets.store import CONSUMER, Store

ORDERS = "orders"


async def follow_orders(settings: TicketsSettings, producer: Producer, store: Store) -> None:
    """Issues tickets as orders are confirmed, until cancelled."""
    await topics.ensure(settings.kafka_brokers, [ORDERS, DEAD_LETTERS])
    consumer = Consumer(
        brokers=settings.kafka_brokers,
        group=CONSUMER,
        topics=[ORDERS],
        handle=store.apply_orders,
        producer=producer,
        client_id=settings.instance,
        zone=settings.zone,
        batch=100,  # signing is work for the processor: a twentieth of a millisecond a ticket
    )
    async with consumer.running():
        await asyncio.Event().wait()
