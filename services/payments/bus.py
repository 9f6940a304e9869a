"""payments' place on the bus: orders in, payments out.

Charge, tell, and only then the offset: a crash anywhere in between does all of it again, with the
same key and the same event id, to the same effect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chassis.bus.consumer import Consumer
from services.payments.decisions import payment_decided, read_order

if TYPE_CHECKING:
    from chassis.bus.event import Event
    from chassis.bus.producer import Producer
    from services.payments.acquirer import Acquirer
    from services.payments.config import PaymentsSettings

CONSUMER = "payments"
ORDERS = "orders"
PAYMENTS = "payments"


class PayOrders:
    """Handles OrderPlaced."""

    def __init__(self, acquirer: Acquirer, producer: Producer) -> None:
        self._acquirer = acquirer
        self._producer = producer

    async def __call__(self, events: list[Event]) -> None:
        """Returns when the payment of each order is decided and told."""
        for event in events:
            charge = read_order(event)
            if charge is None:
                continue
            decided = payment_decided(charge, await self._acquirer.charge(charge))
            await self._producer.publish([(PAYMENTS, decided.key.encode(), decided.encode())])


async def consume(settings: PaymentsSettings, handle: PayOrders, producer: Producer) -> None:
    """Pays orders until cancelled."""
    consumer = Consumer(
        brokers=settings.kafka_brokers,
        group=CONSUMER,
        topics=[ORDERS],
        handle=handle,
        producer=producer,
        client_id=settings.instance,
        gather=0.25,  # somebody waits for this
        concurrency=settings.concurrency,
    )
    await consumer.run(PAYMENTS)
