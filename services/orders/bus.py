"""orders' place on the bus: it follows what payments tells; what it tells goes by the outbox."""

from __future__ import annotations

from chassis.bus.consumer import Consumer
from chassis.bus.producer import Producer
from services.orders.config import OrdersSettings
from services.orders.store import CONSUMER, TOPIC, Store

PAYMENTS = "payments"


async def follow_payments(settings: OrdersSettings, producer: Producer, store: Store) -> None:
    """Confirms and declines orders as payments decides them, until cancelled."""
    consumer = Consumer(
        brokers=settings.kafka_brokers,
        group=CONSUMER,
        topics=[PAYMENTS],
        handle=store.apply_payments,
        producer=producer,
        client_id=settings.instance,
        gather=0.25,  # somebody waits for this
    )
    await consumer.run(TOPIC)
