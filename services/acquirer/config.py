"""Settings of the acquirer."""

from __future__ import annotations

from pydantic import Field, SecretStr

from chassis.config import PostgresSettings, Settings


class AcquirerSettings(Settings, PostgresSettings):
    """What the acquirer is told from its environment."""

    service: str = "acquirer"
    acquirer_api_key: SecretStr = Field(min_length=1, description="what its customers show it")
    request_seconds: float = Field(
        30.0, gt=0, description="its own patience; it knows nothing of its customers'"
    )
