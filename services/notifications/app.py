"""Routes of notifications, for the inside only."""

from __future__ import annotations

from collections import Counter

from fastapi import FastAPI, Response
from fastapi.responses import JSONResponse

from chassis.lifecycle import Lifecycle
from chassis.store.postgres import Database
from chassis.web import create_app as create_shell
from services.notifications.config import NotificationsSettings
from services.notifications.subscribers import statistics
from services.notifications.subscribers.statistics import Tally


def create_app(settings: NotificationsSettings, life: Lifecycle, database: Database) -> FastAPI:
    """Wires the routes to the numbers."""
    app = create_shell(settings, life, title="notifications")

    @app.get("/statistics")
    async def get_statistics() -> Response:
        """How each show sells, and all of them together."""
        shows = await statistics.read(database)
        return JSONResponse({"items": [s.answer() for s in shows], "total": total(shows)})

    return app


def total(shows: list[Tally]) -> dict[str, object]:
    """All shows together; revenue by currency, in minor units (cents)."""
    revenue: Counter[str] = Counter()
    for show in shows:
        revenue[show.currency] += show.revenue
    return {
        "placed": sum(s.placed for s in shows),
        "confirmed": sum(s.confirmed for s in shows),
        "declined": sum(s.declined for s in shows),
        "revenue": [{"amount": a, "currency": c} for c, a in sorted(revenue.items())],
    }
