"""Strong or eventual by request: what a reader of a standby may miss, and that he is told."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Iterator

import httpx
import pytest

from tests.cluster import members
from tests.cluster.buyers import Account, Edges
from tests.cluster.conftest import PROJECT, docker, make, settled
from tests.integration.conftest import wait_until

REPLICA = "postgres-c-1"

SPLIT_SECONDS = 25  # a primary that is cut off was one for 14 s, by its own belief

# One line for each request: when it was sent, when answered, and the orders in the answer or None.
CLIENT = """
import json, sys, time, urllib.request as http, uuid
account, seconds, does = sys.argv[1], float(sys.argv[2]), sys.argv[3]
until = time.time() + seconds
while time.time() < until:
    headers = {"X-Account-Id": account, "Content-Type": "application/json",
               "Idempotency-Key": uuid.uuid4().hex}
    body = json.dumps({"show_id": int(sys.argv[4]), "seats": 1}).encode() if does == "buy" else None
    request = http.Request("http://127.0.0.1:8000/orders?limit=100", data=body, headers=headers)
    sent, told = time.time(), None
    try:
        with http.urlopen(request, timeout=8) as answer:
            told = json.load(answer)
            told = [o["id"] for o in told.get("items", [told])]
    except OSError:
        pass
    print(json.dumps([sent, time.time(), told]), flush=True)
    time.sleep(0.4 if body else 0.02)
"""

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


async def asks(instance: str, *words: str) -> list[tuple[float, float, list[str] | None]]:
    """What became of each request that CLIENT sent, beside this instance."""
    command = ("exec", f"{PROJECT}-{instance}", "python", "-c", CLIENT, *words)
    lines = (await asyncio.to_thread(docker, *command)).splitlines()
    return [tuple(json.loads(line)) for line in lines]


async def test_who_is_split_off_with_the_old_primary_is_not_told_what_was(
    big_shows: list[int],
) -> None:
    """It goes on believing in itself, while the other half takes orders already."""
    primary = await members.whole()
    account, seconds = str(uuid.uuid4()), str(SPLIT_SECONDS)
    try:
        await asyncio.to_thread(make, "split", f"I={primary} orders-a-1")
        bought, read = await asyncio.gather(
            asks("orders-b-1", account, seconds, "buy", str(big_shows[0])),
            asks("orders-a-1", account, seconds, "read"),
        )
    finally:
        make("heal")
        await settled()
        await members.whole()
    acknowledged = [(answered, told[0]) for _, answered, told in bought if told]
    assert acknowledged, "there was no other primary"
    assert any(told == [] for _, _, told in read), "the old one was none at once"
    old = [
        sent - acknowledged[0][0]
        for sent, _, told in read
        if told is not None
        and not {order for answered, order in acknowledged if answered < sent} <= set(told)
    ]
    assert not old, f"{len(old)} reads, until {max(old):.1f} s after the first order elsewhere"
