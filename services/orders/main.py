"""orders: takes seats, keeps the ledger, tells what happened. Wire, run, drain."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from fastapi import FastAPI

from chassis.bus.outbox import SCHEMA, Relay
from chassis.bus.producer import Producer
from chassis.lifecycle import Lifecycle, background, run, startup
from chassis.store.postgres import Database
from services.orders.app import create_app
from services.orders.bus import follow_payments
from services.orders.config import OrdersSettings
from services.orders.store import Store, put_on_sale
from services.programme import programme

MIGRATIONS = Path(__file__).parent / "migrations"
_TABLES = "tables"
_HOUSEKEEPING_SECONDS = 600


@asynccontextmanager
async def build(settings: OrdersSettings, life: Lifecycle) -> AsyncIterator[FastAPI]:
    """All parts of one instance, opened in order and closed in reverse."""
    shows = {show.id: show for show in programme(settings.programme_seed)}
    seats = {show.id: show.seats_total for show in shows.values()}

    async with (
        # However many wait to order, what was ordered goes on.
        Database.open_two(
            settings.postgres_dsn.get_secret_value(),
            size=settings.postgres_pool,
            apart=settings.postgres_bus_pool,
        ) as (database, for_bus),
        Database.open(
            settings.postgres_dsn.get_secret_value(),
            size=settings.postgres_replica_pool,
            prefer=settings.postgres_replica,
        ) as replica,
        Producer.open(settings.kafka_brokers, settings.instance) as producer,
    ):
        store = Store(database, replica if settings.postgres_replica else None)
        told = Store(for_bus)
        relay = Relay(for_bus, producer, settings.instance)
        migrate = partial(
            database.migrate, SCHEMA, MIGRATIONS, fill=partial(put_on_sale, seats_by_show=seats)
        )
        follow = partial(follow_payments, settings, producer, told)
        async with (
            startup(life, _TABLES, migrate),
            background("relay", life.after(_TABLES, relay.run)),
            background("payments", life.after(_TABLES, follow)),
            background("housekeeping", partial(_housekeeping, told, settings.keys_kept_hours)),
        ):
            yield create_app(settings, life, store, shows)


async def _housekeeping(store: Store, hours: int) -> None:
    while True:
        await asyncio.sleep(_HOUSEKEEPING_SECONDS)
        await store.forget_old_keys(hours)


if __name__ == "__main__":
    run(OrdersSettings(), build)
