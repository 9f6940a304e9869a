"""Session state in Redis, shared by all instances: any of them can serve the next request.

A token is `<account id>.<secret>`. Redis knows the secret by its SHA-256 only, so that a leaked
dump opens no session. The account id is the hash tag of every key: all of one account lies in one
slot, and an index of its sessions can be changed together with them.

What the index does not name opens nothing. Redis may drop either when its memory is full: a record
without its index could otherwise not be found, and would outlive a sign-out everywhere.

Opening and closing wait a moment for one replica. What it did not get before the primary died is
lost, or open again: its owner signs in again.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import orjson
from pydantic import Field
from pydantic_settings import BaseSettings

from chassis.store.errors import StoreUnavailable
from chassis.store.redis import Redis

_SECRET_BYTES = 32
_TOKEN = re.compile(r"([A-Za-z0-9-]{1,64})\.([A-Za-z0-9_-]{43})")

# A check is part of each request: the primary's time and a replica's together stay below a second.
_PRIMARY_SECONDS = 0.45
_REPLICA_SECONDS = 0.45

# KEYS: session, index. ARGV: value, idle s, digest, created, longest s, most, prefix.
# The index may name sessions that have lapsed: they are dropped first, then the oldest.
_OPEN = """
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
redis.call('ZADD', KEYS[2], ARGV[4], ARGV[3])
redis.call('EXPIRE', KEYS[2], ARGV[5])
for _, digest in ipairs(redis.call('ZRANGE', KEYS[2], 0, -1)) do
  if redis.call('EXISTS', ARGV[7] .. digest) == 0 then redis.call('ZREM', KEYS[2], digest) end
end
local extra = redis.call('ZCARD', KEYS[2]) - ARGV[6]
for _, digest in ipairs(extra > 0 and redis.call('ZRANGE', KEYS[2], 0, extra - 1) or {}) do
  redis.call('DEL', ARGV[7] .. digest)
  redis.call('ZREM', KEYS[2], digest)
end
"""

# KEYS: session, index. ARGV: digest, idle s. Looking into the index counts as a use of it: when
# memory is full, what has not been used for longest goes first.
_CHECK = """
return redis.call('ZSCORE', KEYS[2], ARGV[1]) and redis.call('GETEX', KEYS[1], 'EX', ARGV[2])
"""

# KEYS: index. ARGV: prefix.
_CLOSE_ALL = """
for _, digest in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  redis.call('DEL', ARGV[1] .. digest)
end
return redis.call('DEL', KEYS[1])
"""


class SessionSettings(BaseSettings):
    """Mixed into the settings of whoever opens or checks sessions; all must agree."""

    session_idle_seconds: int = Field(
        1800, ge=1, description="a session lapses when unused for this long (OWASP: 15 to 30 min)"
    )
    session_longest_seconds: int = Field(
        28_800, ge=1, description="and after this long in any case (OWASP: 4 to 8 h)"
    )
    sessions_per_account: int = Field(
        20, ge=1, description="at most; one more signs the oldest out"
    )


@dataclass(frozen=True, slots=True)
class Token:
    """A token, taken apart. Whether it opens anything is for Redis to say."""

    account_id: str
    digest: str

    @classmethod
    def parse(cls, text: str) -> Token | None:
        """None if `text` cannot be a token: then nobody need be asked."""
        match = _TOKEN.fullmatch(text)
        return cls(match[1], hashlib.sha256(match[2].encode()).hexdigest()) if match else None

    @property
    def prefix(self) -> str:
        """What all session keys of the account begin with."""
        return f"session:{{{self.account_id}}}:"

    @property
    def key(self) -> str:
        """Where the session is."""
        return self.prefix + self.digest

    @property
    def index(self) -> str:
        """Where the account's sessions are listed, by the time they were opened."""
        return f"sessions:{{{self.account_id}}}"


class Sessions:
    """Opens, checks and closes sessions."""

    def __init__(
        self, redis: Redis, settings: SessionSettings, clock: Callable[[], float] = time.time
    ) -> None:
        """`clock` tells seconds since 1970."""
        self._redis = redis
        self._idle = settings.session_idle_seconds
        self._longest = settings.session_longest_seconds
        self._most = settings.sessions_per_account
        self._clock = clock

    async def open(self, account_id: str) -> tuple[str, datetime]:
        """A new session of the account: its token, and when it lapses if not used.

        Raises:
            StoreUnavailable: Redis is away.
            ValueError: `account_id` cannot be part of a token.
        """
        text = f"{account_id}.{secrets.token_urlsafe(_SECRET_BYTES)}"
        token = Token.parse(text)
        if token is None:
            raise ValueError("An account id has 1 to 64 letters, digits and hyphens")
        now = self._clock()
        value = orjson.dumps({"account_id": account_id, "created": int(now)})
        arguments = (value, self._idle, token.digest, now, self._longest, self._most, token.prefix)
        await self._redis.write(
            "session_open",
            token.key,
            lambda r: r.eval(_OPEN, 2, token.key, token.index, *arguments),
        )
        return text, datetime.fromtimestamp(now, UTC) + timedelta(seconds=self._idle)

    async def check(self, text: str) -> str | None:
        """The account whose session this token opens, or None. A use lengthens the session.

        While its primary is replaced, a replica's word counts and nothing is lengthened.

        Raises:
            StoreUnavailable: neither answered, within a second.
        """
        token = Token.parse(text)
        if token is None:
            return None
        try:
            value = await self._redis.run(
                "session_check",
                token.key,
                lambda r: r.eval(_CHECK, 2, token.key, token.index, token.digest, self._idle),
                seconds=_PRIMARY_SECONDS,
            )
        except StoreUnavailable:
            record, opened = await self._redis.read_stale(
                token.key,
                lambda r: r.get(token.key).zscore(token.index, token.digest),
                seconds=_REPLICA_SECONDS,
            )
            value = None if opened is None else record
        if value is None or self._clock() >= orjson.loads(value)["created"] + self._longest:
            return None
        return token.account_id

    async def close(self, text: str) -> None:
        """Ends one session. One that is not there, or a malformed token, is no error.

        Raises:
            StoreUnavailable: Redis is away.
        """
        token = Token.parse(text)
        if token is None:
            return
        await self._redis.write("session_close", token.key, lambda r: r.delete(token.key))

    async def close_all(self, account_id: str) -> None:
        """Ends all sessions of the account, at one moment.

        Raises:
            StoreUnavailable: Redis is away.
        """
        token = Token(account_id, "")
        await self._redis.write(
            "session_close_all",
            token.index,
            lambda r: r.eval(_CLOSE_ALL, 1, token.index, token.prefix),
        )
