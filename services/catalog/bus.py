"""catalog's place on the bus: it follows what orders tells, and tells nothing itself."""

from __future__ import annotations

from chassis.bus.consumer import Consumer
from chassis.bus.producer import Producer
from services.catalog.config import CatalogSettings
from services.catalog.store import CONSUMER, Store

ORDERS = "orders"


async def follow_orders(settings: CatalogSettings, producer: Producer, store: Store) -> None:
    """Keeps the free seats in step with the orders, until cancelled."""
    consumer = Consumer(
        brokers=settings.kafka_brokers,
        group=CONSUMER,
        topics=[ORDERS],
        handle=store.apply_orders,
        producer=producer,
        client_id=settings.instance,
        near=settings.zone,  # nobody waits for this
        batch=500,
    )
    await consumer.run()
