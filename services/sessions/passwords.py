"""Hashing passwords: slow on purpose, so off the event loop and only so many at a time."""

from __future__ import annotations

import secrets

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from chassis.resilience import Bulkhead
from services.sessions.decisions import normalise_password

# OWASP's minimum for argon2id (Password Storage Cheat Sheet): m=19 MiB, t=2, p=1.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1, type=Type.ID)


class Passwords:
    """Hashes and verifies, in the threads of a bulkhead.

    A flood of sign-ins fills the bulkhead and is told to come back; it takes neither the event
    loop nor the memory of all the rest.
    """

    def __init__(self, bulkhead: Bulkhead) -> None:
        self._bulkhead = bulkhead
        self._nobodys = _HASHER.hash(secrets.token_bytes())

    async def hash(self, password: str) -> str:
        """What to store in place of `password`.

        Raises:
            BulkheadFull: too many at a time.
        """
        return await self._bulkhead.run_in_thread(_HASHER.hash, normalise_password(password))

    async def verify(self, password_hash: str | None, password: str) -> bool:
        """Whether `password` is the one of `password_hash`.

        None, for an account that does not exist, takes as long: the time tells nobody which
        emails have accounts.

        Raises:
            BulkheadFull: too many at a time.
        """
        matches = await self._bulkhead.run_in_thread(
            _matches, password_hash or self._nobodys, normalise_password(password)
        )
        return matches and password_hash is not None


def _matches(password_hash: str, password: bytes) -> bool:
    try:
        return _HASHER.verify(password_hash, password)
    except (VerificationError, InvalidHashError):
        return False
