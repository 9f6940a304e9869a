"""The client's side of a run: does what each line of its input says, and tells what became of it.

    calm     waits until all are up and have read all that they were told; tells `calm`
    begin    signs people up, puts the load on; tells `steady` after SECONDS
    roles    tells who is the primary of what
    whole    waits until no member of a store is missing or behind; tells `whole`
    stop     takes the load off, asks until every purchase is answered; tells `stopped`
    told     reads what Kafka was told since the load began; tells `told`

Each line out is a JSON object with `event`; what cannot be done is told as `unsteady`, with
`why`. When its input ends, so does it.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import sys
import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import orjson
from kafka.errors import KafkaError

from gamedays.checkers.telling import TOLD
from gamedays.history import TRUTH, Writer
from gamedays.judging import SHARDS
from gamedays.workloads.buyers import Buyers
from gamedays.workloads.decisions import shard
from gamedays.workloads.edges import Edges
from gamedays.workloads.observer import Observer, all_read, all_up, roles, tried
from gamedays.workloads.passers import Browsers, Newcomers
from gamedays.workloads.registers import NewestOrder, SessionRegisters
from gamedays.workloads.signing import SignIns
from gamedays.workloads.stage import CannotBegin, Person, Stage
from gamedays.workloads.told import told
from gamedays.workloads.whole import whole
from loadtests.watch.collect import Addresses

_BUYERS, _NEWEST_REGISTERS = 8, 3
_A_SHARD = 2  # people: one for a session register, one who signs in and out
_SIGN_UPS_AT_ONCE = 2
_SHOWS, _SEATS_LEFT = 8, 1_000
_UP_SECONDS = 60.0
_WHOLE_SECONDS = 90.0
_ANSWERED_SECONDS = 60.0
"""How long after the load unanswered purchases are asked again: the cluster is healed by then."""


class Client:
    """All workloads of one run."""

    def __init__(self, stage: Stage, options: argparse.Namespace, where: Addresses) -> None:
        self._stage = stage
        self._options = options
        self._where = where
        self._load: asyncio.Task[None] | None = None
        self._since = time.time()
        self._observer = asyncio.create_task(Observer(stage, where).run())

    async def obey(self, command: str) -> None:
        """One command.

        Raises:
            CannotBegin: the cluster is not in its steady state.
        """
        match command:
            case "calm":
                await self._calm()
            case "begin":
                await self._begin()
            case "roles":
                tell("roles", roles=await roles(self._where))
            case "whole":
                await self._whole()
            case "stop":
                await self._stop()
            case "told":
                await self._told()
            case _:
                tell("unknown", command=command)

    async def _calm(self) -> None:
        missing = await all_up(self._where, _UP_SECONDS) or await all_read(self._where, _UP_SECONDS)
        if missing:
            raise CannotBegin(missing)
        tell("calm")

    async def _whole(self) -> None:
        missing = await whole(self._where, _WHOLE_SECONDS)
        if missing:
            raise CannotBegin(f"not whole again after {_WHOLE_SECONDS:.0f} s: {missing}")
        tell("whole")

    async def _begin(self) -> None:
        stage, options = self._stage, self._options
        stage.shows = await big_shows(stage.edges)
        people = await sign_up(stage, _BUYERS + _NEWEST_REGISTERS)
        buyers, newest = people[:_BUYERS], people[_BUYERS:]
        sessions, signers = zip(*await sign_up_each_shard(stage, _A_SHARD), strict=True)
        browsers = Browsers(stage, options.browsing)
        stage.troubles.clear()
        counted = await tried(self._where)
        if not counted:
            raise CannotBegin("a balancer does not tell what it counts")
        stage.tried(counted)
        self._since = time.time()
        stage.load_begins()
        self._load = asyncio.ensure_future(
            _together(
                browsers.probe(),
                browsers.browse(),
                Newcomers(stage).run(),
                Buyers(stage, buyers, options.buying).run(),
                *(SessionRegisters(stage, who).run() for who in sessions),
                *(SignIns(stage, who).run() for who in signers),
                *(
                    NewestOrder(stage, who, show).run()
                    for who, show in zip(newest, stage.shows, strict=False)
                ),
            )
        )
        await asyncio.wait([self._load], timeout=options.steady)
        if self._load.done():
            self._load.result()
            raise CannotBegin("the load ended by itself")
        if stage.troubles:
            raise CannotBegin(f"not steady before the fault: {', '.join(stage.troubles[:3])}")
        tell("steady")

    async def _stop(self) -> None:
        self._stage.load_ends()
        if self._load is not None:
            await asyncio.wait([self._load], timeout=_ANSWERED_SECONDS)
            self._stage.given_up.set()
            await self._load
        self._stage.tried(await tried(self._where))
        self._observer.cancel()
        tell("stopped")

    async def _told(self) -> None:
        try:
            rows = await asyncio.to_thread(told, self._where.brokers, self._since)
        except (KafkaError, TimeoutError) as error:  # the checks will say that nobody read it
            print(f"told: {error}", file=sys.stderr)  # noqa: T201
        else:
            self._stage.write("auditor", "ok", TRUTH, TOLD, rows)
        tell("told")


def tell(event: str, **more: object) -> None:
    """One line to whoever started this."""
    sys.stdout.buffer.write(
        orjson.dumps({"event": event, **more}, option=orjson.OPT_APPEND_NEWLINE)
    )
    sys.stdout.buffer.flush()


async def big_shows(edges: Edges) -> list[int]:
    """Shows that this run will not sell out.

    Raises:
        CannotBegin: there are none.
    """
    shows: list[int] = []
    cursor = ""
    while len(shows) < _SHOWS:
        answer = await edges.send("GET", f"/shows?limit=100{cursor}")
        if answer.status != 200:  # noqa: PLR2004
            raise CannotBegin(f"no shows: {answer.status} {answer.error}")
        page = answer.json()
        shows += [s["id"] for s in page["items"] if s["seats_left"] >= _SEATS_LEFT]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    if not shows:
        raise CannotBegin(f"no show has {_SEATS_LEFT} seats left")
    return shows[:_SHOWS]


async def sign_up(stage: Stage, count: int) -> list[Person]:
    """People with accounts and sessions, a few at a time."""
    gate = asyncio.Semaphore(_SIGN_UPS_AT_ONCE)

    async def one() -> Person:
        async with gate:
            return await Person.sign_up(stage)

    return list(await asyncio.gather(*(one() for _ in range(count))))


async def sign_up_each_shard(stage: Stage, count: int) -> list[list[Person]]:
    """So many people for each shard of Redis. Chance says whose a new account is."""
    found: list[list[Person]] = [[] for _ in range(SHARDS)]
    while missing := sum(max(0, count - len(people)) for people in found):
        for person in await sign_up(stage, missing):
            found[shard(person.account)].append(person)
    return [people[:count] for people in found]


async def _together(*workloads: object) -> None:
    async with asyncio.TaskGroup() as group:
        for workload in workloads:
            group.create_task(workload)  # type: ignore[arg-type]


async def serve(options: argparse.Namespace, env: Mapping[str, str]) -> int:
    """Obeys until the input ends. 1 if something could not be done, which is told."""
    lines = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    urls = env.get("EDGES", "http://127.0.0.1:8080").split(",")
    options.folder.mkdir(parents=True, exist_ok=True)
    with closing(Writer(options.folder)) as writer:
        async with Edges.open(urls) as edges:
            stage = Stage(edges, writer, random.Random(options.seed))
            return await _obey(Client(stage, options, Addresses.from_env(env)), lines)


async def _obey(client: Client, lines: asyncio.StreamReader) -> int:
    tell("ready")
    while line := await lines.readline():
        why: list[str] = []
        try:
            await client.obey(line.decode().strip())
        except* CannotBegin as group:
            why += map(str, group.exceptions)
        if why:
            tell("unsteady", why="; ".join(why))
            return 1
    return 0


def main() -> int:
    """Reads what it is to do."""
    parser = argparse.ArgumentParser(description="the workloads of a game day")
    parser.add_argument("folder", type=Path, help="of the run; the history is written there")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--buying", type=float, default=4.0, help="orders a second")
    parser.add_argument("--browsing", type=float, default=10.0, help="looks a second")
    parser.add_argument("--steady", type=float, default=8.0, help="seconds without a failure first")
    return asyncio.run(serve(parser.parse_args(), os.environ))


if __name__ == "__main__":
    sys.exit(main())
