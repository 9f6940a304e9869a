"""Strong or eventual by request: what a reader of a standby may miss, and that he is told."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator

import httpx
import pytest

from tests.cluster import members
from tests.cluster.buyers import Account, Edges
from tests.cluster.conftest import docker, make
from tests.integration.conftest import wait_until

REPLICA = "postgres-c-1"

pytestmark = pytest.mark.timeout(240)


@pytest.fixture
async def standby() -> str:
    """The replica that orders read from, which is not the primary."""
    while await members.whole() == REPLICA:
        await asyncio.to_thread(make, "switchover")
    return REPLICA


@pytest.fixture
def standing_still(standby: str) -> Iterator[None]:
    """It is told of nothing new, and goes on answering (a paused replay Patroni would resume)."""
    signal_receiver(standby, "STOP")
    # Was it the synchronous one, no commit ends before another is.
    wait_until(lambda: not members.roles()[standby].startswith("sync"), "another is synchronous")
    yield
    signal_receiver(standby, "CONT")


def signal_receiver(member: str, name: str) -> None:
    """To the process that receives what the primary writes."""
    pid = members.sql(member, "SELECT pid FROM pg_stat_wal_receiver")
    docker("exec", members.container(member), "bash", "-c", f"kill -{name} {pid}")


async def place(edges: Edges, account: Account, show: int) -> str:
    headers = {**account.headers, "Idempotency-Key": uuid.uuid4().hex}
    answer = await edges.send(
        "POST", "/orders", json={"show_id": show, "seats": 1}, headers=headers
    )
    assert answer.status_code == 201, answer.text
    order: str = answer.json()["id"]
    return order


async def orders(edges: Edges, account: Account, consistency: str) -> tuple[list[str], int]:
    """Those that the answer has, and how old it may be (ms)."""
    answer = await edges.send(
        "GET", "/orders", params={"consistency": consistency}, headers=account.headers
    )
    assert answer.status_code == 200, answer.text
    return [o["id"] for o in answer.json()["items"]], int(answer.headers["X-Staleness-Ms"])


async def test_a_strong_read_has_what_was_just_written(
    edges: Edges, account: Account, big_shows: list[int]
) -> None:
    order = await place(edges, account, big_shows[0])
    assert await orders(edges, account, "strong") == ([order], 0)


@pytest.mark.usefixtures("standing_still")
async def test_an_eventual_read_may_miss_it_and_says_how_old_it_is(
    edges: Edges, account: Account, big_shows: list[int]
) -> None:
    order = await place(edges, account, big_shows[0])
    assert await orders(edges, account, "strong") == ([order], 0)
    async with asyncio.timeout(30):  # (at first another server may have been quicker to answer)
        while (seen := await orders(edges, account, "eventual"))[1] < 2_000:
            await asyncio.sleep(0.2)
    assert seen[0] == []
    signal_receiver(REPLICA, "CONT")
    async with asyncio.timeout(30):
        while (seen := await orders(edges, account, "eventual"))[0] != [order]:
            await asyncio.sleep(0.2)
    assert seen[1] > 0


async def test_without_the_replica_an_eventual_read_is_answered_by_another(
    edges: Edges, account: Account, big_shows: list[int], standby: str
) -> None:
    order = await place(edges, account, big_shows[0])
    try:
        await asyncio.to_thread(make, "pause", f"I={standby}")
        async with asyncio.timeout(30):
            while (await orders(edges, account, "eventual"))[0] != [order]:
                await asyncio.sleep(0.2)
    finally:
        make("heal")


async def test_the_programme_is_a_copy_unless_it_is_asked_of_the_primary(edges: Edges) -> None:
    async def staleness(consistency: str) -> httpx.Response:
        return await edges.send("GET", "/shows/1", params={"consistency": consistency})

    strong = await staleness("strong")
    assert (strong.status_code, strong.headers["X-Staleness-Ms"]) == (200, "0")
    assert int((await staleness("eventual")).headers["X-Staleness-Ms"]) > 0
    refused = await staleness("somewhat")
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["field"] == "consistency"
