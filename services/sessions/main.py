"""sessions: accounts and who is signed in. Wire, run, drain."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from functools import partial
from pathlib import Path

from fastapi import FastAPI

from chassis.lifecycle import Lifecycle, run, startup
from chassis.metrics import observe
from chassis.resilience import Bulkhead
from chassis.session import Sessions
from chassis.store.postgres import Database
from chassis.store.redis import Redis
from services.sessions.app import create_app
from services.sessions.config import SessionsSettings
from services.sessions.passwords import Passwords
from services.sessions.store import Store

MIGRATIONS = Path(__file__).parent / "migrations"


@asynccontextmanager
async def build(settings: SessionsSettings, life: Lifecycle) -> AsyncIterator[FastAPI]:
    """All parts of one instance, opened in order and closed in reverse."""
    async with (
        Database.open(
            settings.postgres_dsn.get_secret_value(), size=settings.postgres_pool
        ) as database,
        Redis.open(settings.redis_nodes, settings.redis_password) as redis,
        startup(life, "migrate", partial(database.migrate, MIGRATIONS)),
    ):
        hashing = Bulkhead(
            settings.hash_threads,
            settings.hash_queue,
            settings.hash_wait_seconds,
            name="hashing",
            on_event=observe,
        )
        with closing(hashing):
            sessions = Sessions(redis, settings)
            yield create_app(settings, life, Store(database), Passwords(hashing), sessions)


if __name__ == "__main__":
    run(SessionsSettings(), build)
