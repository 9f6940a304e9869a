"""The real cluster, started by the same command that a person types."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.cluster.buyers import Account, Edges, sign_up

ROOT = Path(__file__).parents[2]
PROJECT = os.environ.get("COMPOSE_PROJECT_NAME", "holdfast")
EDGES = [
    f"http://127.0.0.1:{os.environ.get('EDGE_PORT_A', '8080')}",
    f"http://127.0.0.1:{os.environ.get('EDGE_PORT_B', '8081')}",
]


ADMINS = [
    f"http://127.0.0.1:{os.environ.get('ADMIN_PORT_A', '9080')}",
    f"http://127.0.0.1:{os.environ.get('ADMIN_PORT_B', '9081')}",
]


def make(*words: str, seconds: float = 300) -> str:
    """Runs a Makefile target, as a person would; fails with what it printed."""
    done = subprocess.run(
        ["make", "--no-print-directory", *words],
        cwd=ROOT, capture_output=True, text=True, timeout=seconds, check=False,
    )  # fmt: skip
    assert done.returncode == 0, (
        f"make {' '.join(words)}:\n{done.stdout[-4000:]}{done.stderr[-4000:]}"
    )
    return done.stdout


def docker(*words: str) -> str:
    """Runs docker and returns what it printed."""
    done = subprocess.run(
        ["docker", *words], capture_output=True, text=True, timeout=60, check=True
    )
    return done.stdout.strip()


def containers() -> list[dict[str, Any]]:
    """All of the project's containers, as the engine describes them."""
    ids = docker("ps", "-aq", "--filter", f"label=com.docker.compose.project={PROJECT}").split()
    found: list[dict[str, Any]] = json.loads(docker("inspect", *ids))
    return found


def setting(name: str) -> str:
    """A value that `make up` wrote into .env."""
    lines = (ROOT / ".env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line)[name]


async def settled(seconds: float = 60) -> None:
    """Waits until both balancers have every instance of every pool up."""
    headers = {"Authorization": f"Bearer {setting('ADMIN_TOKEN')}"}
    async with asyncio.timeout(seconds), httpx.AsyncClient(headers=headers) as client:
        for admin in ADMINS:
            while not await _all_up(client, admin):
                await asyncio.sleep(0.5)


async def _all_up(client: httpx.AsyncClient, admin: str) -> bool:
    try:
        pools = (await client.get(f"{admin}/state")).json()["pools"].values()
    except httpx.HTTPError:
        return False
    states = [i["state"] for pool in pools for i in pool["instances"] if i["state"] != "gone"]
    return len(states) >= 2 * len(pools) and set(states) == {"up"}


@pytest.fixture(scope="session", autouse=True)
def cluster() -> None:
    """Up before the first test; what a test breaks, that test heals."""
    make("up", seconds=900)


@pytest.fixture
async def edges() -> AsyncIterator[Edges]:
    """A client that knows both edges."""
    async with Edges.open(EDGES) as edges:
        yield edges


@pytest.fixture
async def account(edges: Edges) -> Account:
    """Somebody who is signed in."""
    return await sign_up(edges)


@pytest.fixture
async def big_shows(edges: Edges) -> list[int]:
    """Shows with so many seats left that no test sells them out."""
    shows: list[int] = []
    cursor = ""
    while True:
        page = (await edges.send("GET", f"/shows?limit=100{cursor}")).json()
        shows += [s["id"] for s in page["items"] if s["seats_left"] >= 2_000]
        if page["next_cursor"] is None:
            return shows[:12]
        cursor = f"&cursor={page['next_cursor']}"
