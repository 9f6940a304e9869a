"""Settings of the gateway."""

from __future__ import annotations

from pydantic import Field

from chassis.config import MeshSettings, RedisSettings, Settings
from chassis.session import SessionSettings


class GatewaySettings(Settings, RedisSettings, MeshSettings, SessionSettings):
    """What the gateway is told from its environment."""

    service: str = "gateway"
    trusted_hops: int = Field(
        1, ge=0, description="proxies of ours in front, each of which adds to X-Forwarded-For"
    )
    address_rate: float = Field(
        2000, gt=0, description="requests a second of one address; a load test stays below"
    )
    address_burst: int = Field(4000, ge=1, description="requests of one address at once")
    account_rate: float = Field(50, gt=0, description="requests a second of one account")
    account_burst: int = Field(100, ge=1, description="requests of one account at once")
    callers_kept: int = Field(
        20_000, ge=1, description="callers whose limits are kept in mind; the longest unseen goes"
    )
    openapi_seconds: float = Field(
        60, gt=0, description="how long the services' descriptions are taken as current"
    )
