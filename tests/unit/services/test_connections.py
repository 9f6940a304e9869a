"""Postgres has room for everybody at once: or who was restarted would never come in again."""

import re
from pathlib import Path
from typing import Any

from services.acquirer.config import AcquirerSettings
from services.catalog.config import CatalogSettings
from services.notifications.config import NotificationsSettings
from services.orders.config import OrdersSettings
from services.sessions.config import SessionsSettings
from services.tickets.config import TicketsSettings

ROOT = Path(__file__).parents[3]
ZONES = 2
RESERVED = 3  # Postgres' own default, for superusers: Patroni and the auditor
TOOLS = 4  # make watch, and whoever looks while a game day runs
SCALED = 11  # one instance of orders more: `--scale orders-a=2`
ASKS = 1  # a pool's connection that finds out whether the server lives


def default(settings: Any, field: str) -> int:
    size: int = settings.model_fields[field].default
    return size


def test_all_pools_at_their_fullest_fit() -> None:
    pools = [
        default(settings, "postgres_pool")
        for settings in (
            AcquirerSettings,
            CatalogSettings,
            NotificationsSettings,
            OrdersSettings,
            SessionsSettings,
            TicketsSettings,
        )
    ]
    # Where the replica is away, or became the primary, these are the primary's too.
    pools.append(default(OrdersSettings, "postgres_replica_pool"))
    subscribers = default(NotificationsSettings, "subscribers")
    pools += [
        default(NotificationsSettings, "subscriber_pool") for _ in str(subscribers).split(",")
    ]
    most = ZONES * sum(size + ASKS for size in pools)

    for file in ("patroni.yaml", "postgresql.conf"):
        text = (ROOT / "docker" / "postgres" / file).read_text()
        found = re.search(r"max_connections\s*[:=]\s*(\d+)", text)
        if found:
            assert most + SCALED + RESERVED + TOOLS <= int(found[1]), file
