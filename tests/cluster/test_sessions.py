"""How much a Redis primary takes with it: sessions that were acknowledged, and are gone."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests.cluster.buyers import Account, Edges
from tests.cluster.conftest import make, settled

ACCOUNTS = 12  # over all three shards
PRIMARY = "redis-a-1"
BEFORE_SECONDS = 5
AFTER_SECONDS = 8
PAUSE_SECONDS = 0.1
RPO_SECONDS = 1.0
"""What docs/patterns/replication.md promises."""

pytestmark = pytest.mark.timeout(300)


@dataclass(frozen=True, slots=True)
class Opened:
    """A session that was acknowledged, and when (monotonic seconds)."""

    account: Account
    at: float


async def sign_in_for(edges: Edges, people: list[dict[str, str]], opened: list[Opened]) -> None:
    """One after the other, for ever; who is told to come back comes back."""
    while True:
        for credentials in people:
            answer = await edges.send("POST", "/sessions", json=credentials)
            if answer.status_code == 201:
                opened.append(Opened(Account(answer.json()["token"]), time.monotonic()))
            else:
                assert answer.status_code == 503, answer.text
                assert int(answer.headers["Retry-After"]) >= 1
            await asyncio.sleep(PAUSE_SECONDS)


async def still_open(edges: Edges, account: Account) -> bool:
    while True:
        answer = await edges.send("GET", "/orders?limit=1", headers=account.headers)
        if answer.status_code in (200, 401):
            return answer.status_code == 200
        await asyncio.sleep(1)


async def test_a_killed_redis_primary_takes_no_session_older_than_the_rpo(
    edges: Edges, record_property: Callable[[str, object], None]
) -> None:
    await settled()
    people = [
        {"email": f"{uuid.uuid4().hex}@example.org", "password": "correct horse battery"}
        for _ in range(ACCOUNTS)
    ]
    for credentials in people:
        assert (await edges.send("POST", "/accounts", json=credentials)).status_code == 201
    opened: list[Opened] = []
    signing_in = asyncio.create_task(sign_in_for(edges, people, opened))
    try:
        await asyncio.sleep(BEFORE_SECONDS)
        await asyncio.to_thread(make, "kill", f"I={PRIMARY}")
        killed_at = time.monotonic()
        await asyncio.sleep(AFTER_SECONDS)
    finally:
        signing_in.cancel()
        result = await asyncio.gather(signing_in, return_exceptions=True)
        make("heal")
    assert isinstance(result[0], asyncio.CancelledError), result
    lost = [o for o in opened if not await still_open(edges, o.account)]
    record_property("sessions_opened", len(opened))
    record_property("sessions_lost", len(lost))
    assert opened
    assert [o for o in lost if not killed_at - RPO_SECONDS - 1 < o.at < killed_at + 1] == []
