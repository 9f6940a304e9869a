"""A backup outlives everything: all volumes are destroyed, and the ledger is whole again."""

from __future__ import annotations

import asyncio
import uuid
from pathlib import Path

import pytest

from tests.cluster import members
from tests.cluster.buyers import Account, Edges
from tests.cluster.conftest import ROOT, make, settled

ORDERS = 20
DECIDED = {"confirmed", "declined"}
DECIDED_SECONDS = 60

pytestmark = pytest.mark.timeout(900)


def backups() -> set[Path]:
    return set((ROOT / "backups").glob("*/base.tar.gz"))


async def sign_in(edges: Edges, credentials: dict[str, str]) -> Account:
    answer = await edges.send("POST", "/sessions", json=credentials)
    assert answer.status_code == 201, answer.text
    return Account(answer.json()["token"])


async def orders_of(edges: Edges, account: Account) -> dict[str, str]:
    """All orders with what became of them, as JSON without the account's session."""
    answer = await edges.send("GET", "/orders?limit=100", headers=account.headers)
    assert answer.status_code == 200, answer.text
    return {o["id"]: f"{o['status']} {o['show_id']} {o['seats']}" for o in answer.json()["items"]}


async def test_all_volumes_are_destroyed_and_a_backup_brings_the_ledger_back(
    edges: Edges, big_shows: list[int]
) -> None:
    await members.whole()
    await settled()
    credentials = {"email": f"{uuid.uuid4().hex}@example.org", "password": "correct horse battery"}
    assert (await edges.send("POST", "/accounts", json=credentials)).status_code == 201
    account = await sign_in(edges, credentials)
    for n in range(ORDERS):
        placed = await edges.send(
            "POST",
            "/orders",
            json={"show_id": big_shows[n % len(big_shows)], "seats": 1 + n % 3},
            headers={**account.headers, "Idempotency-Key": uuid.uuid4().hex},
        )
        assert placed.status_code == 201, placed.text
    async with asyncio.timeout(DECIDED_SECONDS):
        while True:
            before = await orders_of(edges, account)
            if all(told.split()[0] in DECIDED for told in before.values()):
                break
            await asyncio.sleep(0.5)

    known = backups()
    await asyncio.to_thread(make, "backup")
    (made,) = backups() - known
    await asyncio.to_thread(
        make, "restore", f"FROM={made.parent.relative_to(ROOT)}", "REPLACE=yes", seconds=800
    )
    await settled()
    after = await orders_of(edges, await sign_in(edges, credentials))
    assert after == before
    made.unlink()
    made.parent.rmdir()
