"""What the workloads of a run share: the edges, the history, the shows, and when to stop."""

from __future__ import annotations

import asyncio
import itertools
import random
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from gamedays.history import LOAD_BEGINS, LOAD_ENDS, PHASE, SEEN, TRIED, Record, Type, Writer
from gamedays.workloads.decisions import Answer, outcome
from gamedays.workloads.edges import Edges

_SIGN_IN_TRIES = 30
_SIGN_IN_PAUSE = 1.0


class CannotBegin(Exception):
    """The cluster does not give what a load needs; says what."""


@dataclass
class Stage:
    """One run. `rng` chooses what people want; it is not what makes keys unique."""

    edges: Edges
    writer: Writer
    rng: random.Random
    stopped: asyncio.Event = field(default_factory=asyncio.Event)
    given_up: asyncio.Event = field(default_factory=asyncio.Event)
    shows: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        # By the monotonic clock from one reading of the other: no time of a run goes backwards.
        self._epoch = time.time() - time.monotonic()
        self.troubles: list[str] = []

    def write(self, process: str, type_: Type, kind: str, key: str = "", value: Any = None) -> None:
        """Adds to the history, now."""
        now = self._epoch + time.monotonic()
        self.writer.write(Record(now, process, type_, kind, key, value))

    def load_begins(self) -> None:
        """Operations count from here on."""
        self.write("load", "info", PHASE, LOAD_BEGINS)

    def load_ends(self) -> None:
        """Operations that begin later do not count as load; nobody begins anything new."""
        self.write("load", "info", PHASE, LOAD_ENDS)
        self.stopped.set()

    def tried(self, counted: dict[str, dict[str, int]]) -> None:
        """What the balancers count by now."""
        self.write("observer", "info", PHASE, TRIED, counted)

    def saw(self, what: str, state: str) -> None:
        """The observer saw it become so."""
        self.write("observer", "info", SEEN, what, state)

    async def operation(
        self,
        process: str,
        kind: str,
        key: str,
        sending: Awaitable[Answer],
        *,
        asked: Any = None,
        read: Callable[[Answer], Any] | None = None,
    ) -> Answer:
        """One operation from call to answer, in the history; `sending` has not begun yet.

        `read` makes the answer's value of a success; of what did not succeed the status is kept.
        """
        self.write(process, "invoke", kind, key, asked)
        answer = await sending
        ended = outcome(answer)
        if ended == "ok":
            self.write(process, "ok", kind, key, read(answer) if read else None)
        else:
            self.troubles.append(f"{kind}: {answer.status} {answer.error}".rstrip())
            self.write(process, ended, kind, key, answer.brief())
        return answer

    async def pace(
        self, rate: float, act: Callable[[int], Awaitable[None]], most: int = 100
    ) -> None:
        """Begins `act` at a rate that waits for no answer, until the load ends; then for the rest.

        With `most` under way nobody new comes: a client has only so many hands.
        """
        under_way: set[asyncio.Task[None]] = set()
        began = time.monotonic()
        try:
            for n in itertools.count():
                wait = began + n / rate - time.monotonic()
                if await self.over(max(0.0, wait)):
                    break
                if len(under_way) < most:
                    task = asyncio.ensure_future(act(n))
                    under_way.add(task)
                    task.add_done_callback(under_way.discard)
            await asyncio.gather(*under_way)
        finally:
            for task in under_way:
                task.cancel()

    async def over(self, seconds: float) -> bool:
        """Waits; True as soon as the load has ended."""
        return await _set_within(self.stopped, seconds)

    async def no_more(self, seconds: float) -> bool:
        """Waits; True as soon as nobody should ask any more, load or not."""
        return await _set_within(self.given_up, seconds)


async def _set_within(event: asyncio.Event, seconds: float) -> bool:
    if seconds <= 0:
        await asyncio.sleep(0)
        return event.is_set()
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True


class Person:
    """An account that the run made, and its session."""

    def __init__(self, email: str, password: str) -> None:
        self.email = email
        self.password = password
        self.account = ""
        self.token = ""
        self._lock = asyncio.Lock()

    @staticmethod
    async def sign_up(stage: Stage) -> Person:
        """A new account with a session, however long it takes.

        Raises:
            CannotBegin: it cannot be had.
        """
        person = Person(f"gameday-{uuid.uuid4().hex}@example.org", uuid.uuid4().hex)
        key, answer = uuid.uuid4().hex, Answer(0)
        for _ in range(_SIGN_IN_TRIES):
            answer = await stage.edges.send("POST", "/accounts", body=person.credentials, key=key)
            if outcome(answer) == "ok":
                person.account = answer.json()["id"]
                await person.sign_in(stage, "")
                return person
            if await stage.no_more(_SIGN_IN_PAUSE):
                break
        raise CannotBegin(f"no account: {answer.status} {answer.error or answer.body[:200]!r}")

    @property
    def credentials(self) -> dict[str, str]:
        """What opens an account, and a session."""
        return {"email": self.email, "password": self.password}

    async def sign_in(self, stage: Stage, stale: str) -> None:
        """A session other than `stale`: one signs in for all who share the account.

        Raises:
            CannotBegin: it cannot be had.
        """
        async with self._lock:
            if self.token != stale:
                return
            answer = Answer(0)
            for _ in range(_SIGN_IN_TRIES):
                answer = await stage.edges.send(
                    "POST", "/sessions", body=self.credentials, key=uuid.uuid4().hex
                )
                if outcome(answer) == "ok":
                    self.token = answer.json()["token"]
                    return
                if await stage.no_more(_SIGN_IN_PAUSE):
                    break
            raise CannotBegin(f"no session: {answer.status} {answer.error}")
