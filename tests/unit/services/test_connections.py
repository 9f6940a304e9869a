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
SCALED = 3  # instances a zone of what people wait for: `--scale orders-a=3`, `--scale catalog-a=3`
ASKS = 1  # a pool's connection that finds out whether the server lives
CONNECTION_MIB = 5
OTHERWISE_MIB = 256  # shared buffers, Patroni, successor.py, the checkpointer and its like


def default(settings: Any, field: str) -> int:
    size: int = settings.model_fields[field].default
    return size


def fullest() -> dict[str, int]:
    """Connections of one instance, by service, with every pool at its fullest."""
    subscribers = str(default(NotificationsSettings, "subscribers")).split(",")
    pools = {
        "acquirer": [default(AcquirerSettings, "postgres_pool")],
        "catalog": [default(CatalogSettings, "postgres_pool")],
        "notifications": [
            default(NotificationsSettings, "postgres_pool"),
            *[default(NotificationsSettings, "subscriber_pool") for _ in subscribers],
        ],
        "orders": [
            default(OrdersSettings, "postgres_pool") + default(OrdersSettings, "postgres_bus_pool"),
            # Where the replica is away, or became the primary, these are the primary's too.
            default(OrdersSettings, "postgres_replica_pool"),
        ],
        "sessions": [default(SessionsSettings, "postgres_pool")],
        "tickets": [default(TicketsSettings, "postgres_pool")],
    }
    return {service: sum(size + ASKS for size in sizes) for service, sizes in pools.items()}


def most() -> int:
    scaled = {"orders": SCALED, "catalog": SCALED}
    services = sum(n * scaled.get(service, 1) for service, n in fullest().items())
    return ZONES * services + RESERVED + TOOLS


def test_all_pools_at_their_fullest_fit_also_where_orders_and_catalog_are_scaled() -> None:
    for file in ("patroni.yaml", "postgresql.conf"):
        text = (ROOT / "docker" / "postgres" / file).read_text()
        found = re.search(r"max_connections\s*[:=]\s*(\d+)", text)
        assert found
        assert most() <= int(found[1]), file


def test_memory_is_enough_for_them() -> None:
    compose = (ROOT / "compose.yaml").read_text()
    postgres = compose[compose.index("\n  postgres-a:") :]
    found = re.search(r"mem_limit: (\d+)g", postgres)
    assert found
    assert most() * CONNECTION_MIB + OTHERWISE_MIB <= int(found[1]) * 1024
