"""Postgres' members as the tests see them: roles, and a writer inside each container.

The writer goes by the socket of its own server, so nothing keeps it from one that is cut off or
that wakes from a pause: it writes whenever that server lets it, and notes what was acknowledged.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

from tests.cluster.conftest import PROJECT, docker, make

MEMBERS = ("postgres-a-1", "postgres-b-1", "postgres-c-1")
_NOTES, _ENOUGH = "/dev/shm/acknowledged", "/dev/shm/enough"  # noqa: S108 - in the container
_SQL = "psql -XqAth /tmp -U postgres"
# (A commit that was not waited for to the end is told of by a warning: that is no acknowledgement.)
_WRITER = f"""
n=0
while [ ! -e {_ENOUGH} ]; do
  n=$((n + 1))
  insert="INSERT INTO written VALUES ('$INSTANCE', $n)"
  began=$(date +%s%N)
  if {_SQL} -c "$insert" postgres 2>/tmp/said && [ ! -s /tmp/said ]; then
    echo "$n $began $(date +%s%N)" >>{_NOTES}
  fi
  sleep 0.1
done
"""  # noqa: S608 - nobody else has a say in it


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """A row that a server called committed: when it was asked, and when it had told.

    In nanoseconds of one clock for all.
    """

    member: str
    number: int
    began: int
    ended: int


def container(member: str) -> str:
    return f"{PROJECT}-{member}"


def sql(member: str, statement: str) -> str:
    """What a superuser gets on the member's own socket."""
    return docker("exec", container(member), *_SQL.split(), "-c", statement, "postgres")


def roles() -> dict[str, str]:
    """Each member's role and state by the word of any that answers; empty if none does."""
    ask = (
        "from urllib.request import urlopen;"
        "print(urlopen('http://127.0.0.1:8008/cluster', timeout=2).read().decode())"
    )
    running = docker("ps", "--filter", "status=running", "--format", "{{.Names}}").split()
    for member in MEMBERS:
        if container(member) in running:
            with suppress(subprocess.SubprocessError, json.JSONDecodeError):
                told: Any = json.loads(docker("exec", container(member), "python3", "-c", ask))
                known = {m["name"]: f"{m['role']} {m['state']}" for m in told["members"]}
                if any(role.startswith("leader") for role in known.values()):
                    return known
    return {}


def primary() -> str | None:
    """The member that is the primary, with a synchronous standby of its own."""
    known = roles()
    if not any(role == "sync_standby streaming" for role in known.values()):
        return None
    return next((name for name, role in known.items() if role == "leader running"), None)


async def whole(seconds: float = 120) -> str:
    """Waits until there is a primary and both others follow it; returns the primary."""
    async with asyncio.timeout(seconds):
        while True:
            known = await asyncio.to_thread(roles)
            if sorted(known.values()) == [
                "leader running", "replica streaming", "sync_standby streaming",
            ]:  # fmt: skip
                return next(name for name, role in known.items() if role == "leader running")
            await asyncio.sleep(0.5)


async def another_primary(than: str, seconds: float = 60) -> str:
    """Waits until another member is the primary and commits are acknowledged; returns it."""
    async with asyncio.timeout(seconds):
        while True:
            now = await asyncio.to_thread(primary)
            if now is not None and now != than:
                return now
            await asyncio.sleep(0.2)


def addresses(container: str) -> dict[str, str]:
    """By network."""
    told = docker("inspect", "--format", "{{json .NetworkSettings.Networks}}", container)
    return {network: on["IPAddress"] for network, on in json.loads(told).items()}


async def move(standby: str, primary: str) -> None:
    """Gives a standby other addresses, and waits until it follows the primary from there."""
    before = set(addresses(container(standby)).values())
    await asyncio.to_thread(_reconnect_elsewhere, standby)
    now = set(addresses(container(standby)).values())
    assert now.isdisjoint(before)
    following = "SELECT host(client_addr) FROM pg_stat_replication"
    async with asyncio.timeout(60):
        while now.isdisjoint((await asyncio.to_thread(sql, primary, following)).splitlines()):
            await asyncio.sleep(0.2)
    await whole()


def _reconnect_elsewhere(member: str) -> None:
    """Others take its addresses while it is away: the engine gives the lowest that are free."""
    before = addresses(container(member))
    image = docker("inspect", "--format", "{{.Config.Image}}", container(member))
    others: list[str] = []
    make("cut", f"I={member}")
    try:
        for network, address in before.items():
            run = ("run", "--detach", "--rm", "--network", network, "--entrypoint", "sleep", image)
            taken = ""
            while taken != address and len(others) < 10:
                others.append(docker(*run, "60"))
                taken = addresses(others[-1])[network]
        make("heal")
    finally:
        docker("rm", "--force", *others)


@asynccontextmanager
async def writers(primary: str) -> AsyncIterator[list[Acknowledged]]:
    """Writes on all members in the block; after it the list has what was acknowledged.

    All members must run at both ends of the block; a container that is killed writes no more.
    """
    sql(primary, "DROP TABLE IF EXISTS written; CREATE TABLE written (member text, number int)")
    for member in MEMBERS:
        docker("exec", container(member), "rm", "-f", _NOTES, _ENOUGH)
        docker("exec", "--detach", container(member), "bash", "-c", _WRITER)
    found: list[Acknowledged] = []
    yield found
    for member in MEMBERS:
        docker("exec", container(member), "touch", _NOTES, _ENOUGH)
        for line in docker("exec", container(member), "cat", _NOTES).splitlines():
            number, began, ended = line.split()
            found.append(Acknowledged(member, int(number), int(began), int(ended)))
