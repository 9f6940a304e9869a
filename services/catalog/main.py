"""catalog: what is on, and how many seats are left. Wire, run, drain."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from functools import partial
from pathlib import Path

from fastapi import FastAPI

from chassis.bus.outbox import SCHEMA
from chassis.bus.producer import Producer
from chassis.lifecycle import Lifecycle, background, run, startup
from chassis.store.postgres import Database
from chassis.store.redis import Redis
from services.catalog.app import SEASON, create_app
from services.catalog.bus import follow_orders
from services.catalog.cache import Cache, SharedCopies
from services.catalog.config import CatalogSettings
from services.catalog.store import Store, put_on_show
from services.programme import programme

MIGRATIONS = Path(__file__).parent / "migrations"
_TABLES = "tables"
_HOUSEKEEPING_SECONDS = 600


@asynccontextmanager
async def build(settings: CatalogSettings, life: Lifecycle) -> AsyncIterator[FastAPI]:
    """All parts of one instance, opened in order and closed in reverse."""
    async with (
        Database.open(
            settings.postgres_dsn.get_secret_value(), size=settings.postgres_pool
        ) as database,
        Redis.open(settings.redis_nodes, settings.redis_password) as redis,
        Producer.open(settings.kafka_brokers, settings.instance) as producer,
    ):
        store = Store(database)
        shared = SharedCopies(redis, settings.cache_keep_seconds)
        cache = Cache(shared, seconds=settings.cache_seconds, grace=settings.cache_grace_seconds)
        tables_are_there = asyncio.Event()

        async def prepare() -> None:
            """Ready with tables; while Postgres is away, also with copies that others left."""
            try:
                shows = programme(settings.programme_seed)
                await database.migrate(SCHEMA, MIGRATIONS, fill=partial(put_on_show, shows=shows))
            except Exception:
                if await shared.get(SEASON):
                    life.done(_TABLES)
                raise
            tables_are_there.set()

        async def follow() -> None:
            """Only with tables: a record that meets none would go to the dead letters."""
            await tables_are_there.wait()
            await follow_orders(settings, producer, store)

        async with (
            aclosing(cache),
            startup(life, _TABLES, prepare),
            background("read-model", follow),
            background("housekeeping", partial(_housekeeping, store)),
        ):
            yield create_app(settings, life, cache, store)


async def _housekeeping(store: Store) -> None:
    while True:
        await asyncio.sleep(_HOUSEKEEPING_SECONDS)
        await store.forget_old_marks()


if __name__ == "__main__":
    run(CatalogSettings(), build)
