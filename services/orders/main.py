"""orders: takes seats, keeps the ledger, tells what happened. Wire, run, drain."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from fastapi import FastAPI

from chassis.bus import topics
from chassis.bus.consumer import Consumer
from chassis.bus.dead_letters import TOPIC as DEAD_LETTERS
from chassis.bus.outbox import SCHEMA, Relay
from chassis.bus.producer import Producer
from chassis.lifecycle import Lifecycle, background, run, startup
from chassis.store.postgres import Database
from services.orders.app import create_app
from services.orders.config import OrdersSettings
from services.orders.store import CONSUMER, TOPIC, Store, put_on_sale
from services.programme import programme

MIGRATIONS = Path(__file__).parent / "migrations"
PAYMENTS = "payments"
MIGRATE = "migrate"
_HOUSEKEEPING_SECONDS = 600


@asynccontextmanager
async def build(settings: OrdersSettings, life: Lifecycle) -> AsyncIterator[FastAPI]:
    """All parts of one instance, opened in order and closed in reverse."""
    shows = {show.id: show for show in programme(settings.programme_seed)}
    seats = {show.id: show.seats_total for show in shows.values()}

    async with (
        Database.open(
            settings.postgres_dsn.get_secret_value(), size=settings.postgres_pool
        ) as database,
        Producer.open(settings.kafka_brokers, settings.instance) as producer,
    ):
        store, relay = Store(database), Relay(database, producer, settings.instance)
        consumer = Consumer(
            brokers=settings.kafka_brokers,
            group=CONSUMER,
            topics=[PAYMENTS],
            handle=life.after(MIGRATE, store.apply_payments),
            producer=producer,
            client_id=settings.instance,
            zone=settings.zone,
        )
        migrate = partial(
            database.migrate, SCHEMA, MIGRATIONS, fill=partial(put_on_sale, seats_by_show=seats)
        )
        ensure_topics = partial(
            topics.ensure, settings.kafka_brokers, [TOPIC, PAYMENTS, DEAD_LETTERS]
        )
        async with (
            startup(life, MIGRATE, migrate),
            background("topics", ensure_topics),
            background("relay", life.after(MIGRATE, relay.run)),
            background("housekeeping", partial(_housekeeping, store, settings.keys_kept_hours)),
            consumer.running(),
        ):
            yield create_app(settings, life, store, shows)


async def _housekeeping(store: Store, hours: int) -> None:
    while True:
        await asyncio.sleep(_HOUSEKEEPING_SECONDS)
        await store.forget_old_keys(hours)


if __name__ == "__main__":
    run(OrdersSettings(), build)
