"""Settings of tickets."""

from __future__ import annotations

from pydantic import Field, SecretStr

from chassis.config import KafkaSettings, MeshSettings, PostgresSettings, Settings


class TicketsSettings(Settings, PostgresSettings, KafkaSettings, MeshSettings):
    """What tickets is told from its environment."""

    service: str = "tickets"
    ticket_signing_key: SecretStr = Field(
        min_length=64,
        max_length=64,
        description="seed of the Ed25519 key that signs: 32 bytes in hex, the same for all",
    )
