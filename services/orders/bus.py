"""orders' place on the bus: it follows what payments tells; what it tells goes by the outbox."""

from __future__ import annotations

import asyncio

from chassis.bus import topics
from chassis.bus.consumer import Consumer
from chassis.bus.dead_letters import TOPIC as DEAD_LETTERS
from chassis.bus.producer import Producer
from services.orders.config import OrdersSettings
from services.orders.store import CONSUMER, TOPIC, Store

PAYMENTS = "payments"


async def follow_payments(settings: OrdersSettings, producer: Producer, store: Store) -> None:
    """Confirms and declines orders as payments decides them, until cancelled."""
    await topics.ensure(settings.kafka_brokers, [TOPIC, PAYMENTS, DEAD_LETTERS])
    consumer = Consumer(
        brokers=settings.kafka_brokers,
        group=CONSUMER,
        topics=[PAYMENTS],
        handle=store.apply_payments,
        producer=producer,
        client_id=settings.instance,
        zone=settings.zone,
        patience_ms=50,  # somebody waits for this
    )
    async with consumer.running():
        await asyncio.Event().wait()
