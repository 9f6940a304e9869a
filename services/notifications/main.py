"""notifications: tells people and the box office what becomes of orders. Wire, run, drain."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from fastapi import FastAPI

from chassis.bus import inbox
from chassis.bus.outbox import SCHEMA
from chassis.bus.producer import Producer
from chassis.lifecycle import Lifecycle, background, run, startup
from chassis.store.postgres import Database
from services.notifications.app import create_app
from services.notifications.bus import fan_out
from services.notifications.config import NotificationsSettings
from services.notifications.subscribers import ALL

MIGRATIONS = Path(__file__).parent / "migrations"
_TABLES = "tables"
_HOUSEKEEPING_SECONDS = 600


@asynccontextmanager
async def build(settings: NotificationsSettings, life: Lifecycle) -> AsyncIterator[FastAPI]:
    """All parts of one instance, opened in order and closed in reverse."""
    subscribers = [ALL[name] for name in settings.subscribers]

    async with (
        Database.open(
            settings.postgres_dsn.get_secret_value(), size=settings.postgres_pool
        ) as database,
        Producer.open(settings.kafka_brokers, settings.instance) as producer,
    ):
        subscribe = partial(fan_out, settings, subscribers, producer)
        async with (
            startup(life, _TABLES, partial(database.migrate, SCHEMA, MIGRATIONS)),
            background("subscribers", life.after(_TABLES, subscribe)),
            background("housekeeping", partial(_housekeeping, database)),
        ):
            yield create_app(settings, life, database)


async def _housekeeping(database: Database) -> None:
    while True:
        await asyncio.sleep(_HOUSEKEEPING_SECONDS)
        await inbox.forget_old(database)


if __name__ == "__main__":
    run(NotificationsSettings(), build)
