"""Settings of orders."""

from __future__ import annotations

from pydantic import Field

from chassis.config import KafkaSettings, PostgresSettings, Settings


class OrdersSettings(Settings, PostgresSettings, KafkaSettings):
    """What orders is told from its environment."""

    service: str = "orders"
    postgres_pool: int = Field(
        5, ge=1, description="connections for requests at most, and one more"
    )
    postgres_bus_pool: int = Field(
        2, ge=2, description="connections for the relay and for what payments tells"
    )
    postgres_replica_pool: int = Field(
        2, ge=1, description="connections to the replica at most, and one more"
    )
    programme_seed: int = Field(2026, description="which season is on sale; the same for catalog")
    keys_kept_hours: int = Field(24, ge=1, description="how long an Idempotency-Key is remembered")
