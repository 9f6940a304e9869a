"""Settings of notifications."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator
from pydantic_settings import NoDecode

from chassis.config import KafkaSettings, PostgresSettings, Settings

Name = Literal["email", "text", "statistics"]


class NotificationsSettings(Settings, PostgresSettings, KafkaSettings):
    """What notifications is told from its environment."""

    service: str = "notifications"
    subscribers: Annotated[tuple[Name, ...], NoDecode] = Field(
        ("email", "text", "statistics"), description="which run in this process, comma separated"
    )
    postgres_pool: int = Field(2, ge=1, description="connections at most, beside subscribers'")
    subscriber_pool: int = Field(2, ge=1, description="connections at most, of each subscriber")

    @field_validator("subscribers", mode="before")
    @classmethod
    def _split(cls, given: object) -> object:
        return tuple(s.strip() for s in given.split(",")) if isinstance(given, str) else given
