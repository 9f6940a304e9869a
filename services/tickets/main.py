"""tickets: a signed ticket for each seat of a confirmed order. Wire, run, drain."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from fastapi import FastAPI

from chassis.bus.outbox import SCHEMA
from chassis.bus.producer import Producer
from chassis.lifecycle import Lifecycle, background, run, startup
from chassis.mesh import MeshClient
from chassis.store.postgres import Database
from services.tickets.app import create_app
from services.tickets.bus import follow_orders
from services.tickets.codes import Signer
from services.tickets.config import TicketsSettings
from services.tickets.peers import Orders
from services.tickets.store import Store

MIGRATIONS = Path(__file__).parent / "migrations"
_TABLES = "tables"
_HOUSEKEEPING_SECONDS = 600


@asynccontextmanager
async def build(settings: TicketsSettings, life: Lifecycle) -> AsyncIterator[FastAPI]:
    """All parts of one instance, opened in order and closed in reverse."""
    signer = Signer(bytes.fromhex(settings.ticket_signing_key.get_secret_value()))

    async with (
        Database.open(
            settings.postgres_dsn.get_secret_value(), size=settings.postgres_pool
        ) as database,
        Producer.open(settings.kafka_brokers, settings.instance) as producer,
        MeshClient.open(settings.mesh) as mesh,
    ):
        store = Store(database, signer)
        follow = partial(follow_orders, settings, producer, store)
        async with (
            startup(life, _TABLES, partial(database.migrate, SCHEMA, MIGRATIONS)),
            background("issue", life.after(_TABLES, follow)),
            background("housekeeping", partial(_housekeeping, store)),
        ):
            yield create_app(settings, life, store, Orders(mesh), signer.verifier)


async def _housekeeping(store: Store) -> None:
    while True:
        await asyncio.sleep(_HOUSEKEEPING_SECONDS)
        await store.forget_old_marks()


if __name__ == "__main__":
    run(TicketsSettings(), build)
