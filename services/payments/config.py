"""Settings of payments."""

from __future__ import annotations

from pydantic import Field, SecretStr

from chassis.config import KafkaSettings, MeshSettings, Settings


class PaymentsSettings(Settings, KafkaSettings, MeshSettings):
    """What payments is told from its environment."""

    service: str = "payments"
    acquirer_api_key: SecretStr = Field(min_length=1, description="what the acquirer knows us by")
    concurrency: int = Field(32, ge=1, description="charges under way at a time")
    attempt_seconds: float = Field(
        5.0, gt=0, description="for one attempt to charge; the slowest card takes three"
    )
    charge_seconds: float = Field(12.0, gt=0, description="for a charge with all its attempts")
