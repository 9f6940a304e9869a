"""acquirer: another company's server, which charges cards. Wire, run, drain."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from fastapi import FastAPI

from chassis.lifecycle import Lifecycle, run, startup
from chassis.store.postgres import Database
from services.acquirer.app import create_app
from services.acquirer.config import AcquirerSettings
from services.acquirer.store import Store
from services.acquirer.trouble import Trouble

MIGRATIONS = Path(__file__).parent / "migrations"


@asynccontextmanager
async def build(settings: AcquirerSettings, life: Lifecycle) -> AsyncIterator[FastAPI]:
    """All parts of one instance, opened in order and closed in reverse."""
    async with (
        Database.open(
            settings.postgres_dsn.get_secret_value(), size=settings.postgres_pool
        ) as database,
        startup(life, "migrate", partial(database.migrate, MIGRATIONS)),
    ):
        store = Store(database)
        yield create_app(settings, life, store, Trouble(store.read_knobs))


if __name__ == "__main__":
    run(AcquirerSettings(), build)
