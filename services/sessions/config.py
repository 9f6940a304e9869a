"""Settings of sessions."""

from __future__ import annotations

from pydantic import Field

from chassis.config import PostgresSettings, RedisSettings, Settings
from chassis.session import SessionSettings


class SessionsSettings(Settings, PostgresSettings, RedisSettings, SessionSettings):
    """What sessions is told from its environment."""

    service: str = "sessions"
    hash_threads: int = Field(
        2, ge=1, description="password hashes at a time; each takes 19 MiB and a core"
    )
    hash_queue: int = Field(40, ge=0, description="calls that may wait for one of the threads")
    hash_wait_seconds: float = Field(1.0, gt=0, description="for so long at most, then 503")
    cookie_secure: bool = Field(
        False, description="send the cookie over TLS only; the edge speaks none by default"
    )
