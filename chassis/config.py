"""What every process is told from its environment; a service's own settings subclass this."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from chassis.identity import instance_name


def _instance(known: dict[str, Any]) -> str:
    return instance_name(known["service"], known["zone"])


class Settings(BaseSettings):
    """Read once at the start, never changed. A field's name in capitals is its variable."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore")

    zone: str = Field("a", description="failure domain: a, b or c")
    service: str = Field(description="name of the program, such as orders")
    instance: str = Field(
        default_factory=_instance,
        description="name of this process; found out by its own address's name if not given",
    )
    port: int = Field(8000, ge=1, le=65535, description="HTTP port for routes, health and metrics")
    log_level: str = Field("INFO", description="DEBUG, INFO, WARNING or ERROR")
    access_log_sample: float = Field(
        0.01, ge=0, le=1, description="share of good, quick requests to log; bad and slow all are"
    )
    drain_seconds: float = Field(
        3.0, ge=0, description="time to be unready before stopping; longer than one health check"
    )
    finish_seconds: float = Field(
        8.0, ge=0, description="time that requests under way have to finish, after the drain"
    )
    max_body_bytes: int = Field(65_536, ge=0, description="larger request bodies are refused (413)")
    request_seconds: float = Field(
        5.0, gt=0, description="deadline of a request whose caller gave none"
    )


class PostgresSettings(BaseSettings):
    """Mixed into the settings of a service that owns a database."""

    postgres_dsn: SecretStr = Field(description="multi-host DSN with target_session_attrs")
    postgres_pool: int = Field(
        3, ge=1, description="connections at most, and one more that asks if the server lives"
    )
    postgres_replica: str = Field(
        "", description="host of the DSN for reads that may be older; none: all from the primary"
    )


class RedisSettings(BaseSettings):
    """Mixed into the settings of a service that uses Redis."""

    redis_nodes: str = Field(description="host:port of some cluster nodes, comma separated")
    redis_password: SecretStr = Field(description="one password for all nodes")


class KafkaSettings(BaseSettings):
    """Mixed into the settings of a service that speaks on the bus."""

    kafka_brokers: Annotated[str, NoDecode] = Field(description="host:port, comma separated")


class MeshSettings(BaseSettings):
    """Mixed into the settings of a service that calls other services."""

    mesh: str = Field(description="URLs of the balancers' mesh listeners, own zone's first")
