"""payments: charges for each order placed, and tells how it went. Wire, run, drain."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from fastapi import FastAPI

from chassis.bus.producer import Producer
from chassis.lifecycle import Lifecycle, background, run
from chassis.mesh import MeshClient
from chassis.web import create_app
from services.payments.acquirer import Acquirer
from services.payments.bus import PayOrders, consume
from services.payments.config import PaymentsSettings


@asynccontextmanager
async def build(settings: PaymentsSettings, life: Lifecycle) -> AsyncIterator[FastAPI]:
    """All parts of one instance, opened in order and closed in reverse."""
    async with (
        MeshClient.open(settings.mesh) as mesh,
        Producer.open(settings.kafka_brokers, settings.instance) as producer,
    ):
        handle = PayOrders(Acquirer(mesh, settings), producer)
        async with background("consume", partial(consume, settings, handle, producer)):
            yield create_app(settings, life, title="payments")


if __name__ == "__main__":
    run(PaymentsSettings(), build)
