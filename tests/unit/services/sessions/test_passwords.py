"""Hashing and verifying."""

import asyncio

from chassis.resilience import Bulkhead, BulkheadFull
from services.sessions.passwords import Passwords


async def test_a_hash_fits_its_password_only() -> None:
    passwords = Passwords(Bulkhead(1))
    hashed = await passwords.hash("correct horse")
    assert await passwords.verify(hashed, "correct horse")
    assert not await passwords.verify(hashed, "correct hors")


async def test_hashes_at_owasps_minimum() -> None:
    hashed = await Passwords(Bulkhead(1)).hash("correct horse")
    assert hashed.startswith("$argon2id$v=19$m=19456,t=2,p=1$")


async def test_nobody_has_no_password() -> None:
    passwords = Passwords(Bulkhead(1))
    assert not await passwords.verify(None, "correct horse")
    assert not await passwords.verify("not a hash", "correct horse")


async def test_a_flood_is_told_to_come_back() -> None:
    passwords = Passwords(Bulkhead(1, queue=1, queue_timeout=30))
    results = await asyncio.gather(
        *(passwords.hash("correct horse") for _ in range(4)), return_exceptions=True
    )
    assert [isinstance(r, BulkheadFull) for r in results] == [False, False, True, True]
