"""tickets' place on the bus: it follows what orders tells, and tells nothing itself."""

from __future__ import annotations

from chassis.bus.consumer import Consumer
from chassis.bus.producer import Producer
from services.tickets.config import TicketsSettings
from services.tickets.store import CONSUMER, Store

ORDERS = "orders"


async def follow_orders(settings: TicketsSettings, producer: Producer, store: Store) -> None:
    """Issues tickets as orders are confirmed, until cancelled."""
    consumer = Consumer(
        brokers=settings.kafka_brokers,
        group=CONSUMER,
        topics=[ORDERS],
        handle=store.apply_orders,
        producer=producer,
        client_id=settings.instance,
        gather=0.25,  # buyers come within a second, and would have to be issued theirs apart
        batch=100,  # signing is work for the processor: a twentieth of a millisecond a ticket
    )
    await consumer.run()
