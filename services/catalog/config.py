"""Settings of catalog."""

from __future__ import annotations

from pydantic import Field

from chassis.config import KafkaSettings, PostgresSettings, RedisSettings, Settings


class CatalogSettings(Settings, PostgresSettings, RedisSettings, KafkaSettings):
    """What catalog is told from its environment."""

    service: str = "catalog"
    programme_seed: int = Field(2026, description="which season is on sale; the same for orders")
    cache_seconds: float = Field(
        2.0, gt=0, description="how long a cached answer is fresh, give or take a fifth"
    )
    cache_grace_seconds: float = Field(
        2.0, ge=0, description="how long after that it still is given out while a new one is read"
    )
    cache_keep_seconds: float = Field(
        86_400, gt=0, description="how long a copy stays in Redis for when Postgres is away"
    )
