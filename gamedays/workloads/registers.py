"""Registers: what of the public API promises to be one copy, read and written one at a time.

- A session is a register of its account's token: signing in writes `open`, signing out `closed`;
  whoever asks by the token reads `open` (answered) or `closed` (401). One register a sign-in.
- The newest order of an account, all of whose orders are for one show, is a register: placing an
  order writes its id, the first line of the account's list reads it. It promises what orders
  promise: who was acknowledged is seen by everybody who asks from then on, by either edge. (Seats
  left, in the catalog, promise no such thing: they are a read model, and lag.)
"""

from __future__ import annotations

import asyncio
import itertools
import uuid

from gamedays.checkers.acknowledged import NEWEST
from gamedays.checkers.register import MOST_OPERATIONS, READ, WRITE
from gamedays.judging import SESSION
from gamedays.workloads.decisions import Answer, final, given_up, outcome, pause, session_lost
from gamedays.workloads.stage import CannotBegin, Person, Stage

OPEN, CLOSED = "open", "closed"

_MINE = "/orders?limit=1"
_READ_PATIENCE = 4.0
_READERS, _WRITERS = 2, 2
_READ_SECONDS, _WRITE_SECONDS = 1.4, 4.0
_SESSION_SECONDS = (6.0, 20.0)
_AFTER_CLOSE_SECONDS = 4.0
_ROOM = 20  # operations under way when a register is full, and its last reads
_LAST_READS = 3


class SessionRegisters:
    """One register after the other, of one account."""

    def __init__(self, stage: Stage, who: Person) -> None:
        self._stage = stage
        self._who = who

    async def run(self) -> None:
        """Until the load ends."""
        for n in itertools.count():
            if self._stage.stopped.is_set():
                return
            await self._live(f"{self._who.email.split('@')[0]}-{n}")

    async def _live(self, name: str) -> None:
        answer = await self._stage.operation(
            f"{name}-owner",
            SESSION,
            name,
            self._stage.edges.send(
                "POST", "/sessions", body=self._who.credentials, key=uuid.uuid4().hex
            ),
            asked={"f": WRITE, "value": OPEN},
            read=lambda _: {"value": OPEN},
        )
        if outcome(answer) != "ok":  # nobody knows its token, so nobody will ever read it
            await self._stage.over(pause(answer, 3))
            return
        token, closed = answer.json()["token"], asyncio.Event()
        async with asyncio.TaskGroup() as group:
            for reader in range(_READERS):
                group.create_task(self._read(name, reader, token, closed))
            await self._stage.over(self._stage.rng.uniform(*_SESSION_SECONDS))
            await self._close(name, token)
            await self._stage.no_more(_AFTER_CLOSE_SECONDS)
            closed.set()

    async def _close(self, name: str, token: str) -> None:
        for asked in itertools.count(1):
            answer = await self._stage.operation(
                f"{name}-owner",
                SESSION,
                name,
                self._stage.edges.send("DELETE", "/sessions/current", home=asked, token=token),
                asked={"f": WRITE, "value": CLOSED},
                read=lambda _: {"value": CLOSED},
            )
            if outcome(answer) != "info" or await self._stage.no_more(pause(answer, asked)):
                return

    async def _read(self, name: str, reader: int, token: str, closed: asyncio.Event) -> None:
        while not closed.is_set():
            process = f"{name}-reader-{reader}"
            self._stage.write(process, "invoke", SESSION, name, {"f": READ})
            answer = await self._stage.edges.send(
                "GET", _MINE, home=reader, patience=_READ_PATIENCE, token=token
            )
            # Not being let in is an answer too: the session is closed.
            if session_lost(answer):
                self._stage.write(process, "ok", SESSION, name, {"value": CLOSED})
            elif outcome(answer) == "ok":
                self._stage.write(process, "ok", SESSION, name, {"value": OPEN})
            else:
                self._stage.write(process, "info", SESSION, name, answer.brief())
                self._stage.troubles.append(f"session: {answer.status} {answer.error}".rstrip())
            if await self._stage.no_more(_READ_SECONDS):
                return


class NewestOrder:
    """The newest order of an account: several write it, several read it, by both edges.

    One register after the other: what has seen as much as a checker can judge is followed by the
    register of a new account.
    """

    def __init__(self, stage: Stage, who: Person, show: int) -> None:
        self._stage = stage
        self._show = show
        self._begin(who)

    def _begin(self, who: Person) -> None:
        self._who = who
        self._name = f"show-{self._show}-{who.account[:8]}"
        self._operations = 0

    async def run(self) -> None:
        """Until the load ends."""
        while True:
            await self._live()
            if not await self._follow():
                return

    async def _live(self) -> None:
        """One register, until it is full or the load ends.

        Then it is read a few times more: what was acknowledged is still there.
        """
        async with asyncio.TaskGroup() as group:
            for writer in range(_WRITERS):
                group.create_task(self._write(writer))
            for reader in range(_READERS):
                group.create_task(self._read(reader))

    async def _follow(self) -> bool:
        """Begins a register with another account; False if the load ends before there is one."""
        while not self._stage.stopped.is_set():
            try:
                self._begin(await Person.sign_up(self._stage))
            except CannotBegin as error:
                self._stage.troubles.append(str(error))
            else:
                return True
        return False

    @property
    def _over(self) -> bool:
        """Nothing new is written; what is left are the last reads."""
        return self._stage.stopped.is_set() or self._operations >= MOST_OPERATIONS - _ROOM

    async def _write(self, writer: int) -> None:
        await self._stage.over(_WRITE_SECONDS * self._stage.rng.random())
        while not self._over:
            self._operations += 1
            key = uuid.uuid4().hex
            await self._stage.operation(
                f"{self._name}-writer-{writer}",
                NEWEST,
                self._name,
                self._place(writer, key),
                asked={
                    "f": WRITE,
                    "value": key,
                    "account": self._who.account,
                    "show_id": self._show,
                },
                read=lambda answer: {"value": answer.json()["id"]},
            )
            await self._stage.over(_WRITE_SECONDS)

    async def _place(self, writer: int, key: str) -> Answer:
        """One write, however often it is asked: until it is answered its id is not known."""
        body = {"show_id": self._show, "seats": 1}
        asked = 0
        while True:
            asked += 1
            token = self._who.token
            answer = await self._stage.edges.send(
                "POST", "/orders", home=writer, body=body, token=token, key=key
            )
            if final(answer):
                return answer
            if session_lost(answer):
                await self._signed_in(token)
            if await self._stage.no_more(pause(answer, asked)):
                return given_up(answer)

    async def _read(self, reader: int) -> None:
        left = _LAST_READS
        while left:
            left -= self._over
            self._operations += 1
            token = self._who.token
            answer = await self._stage.operation(
                f"{self._name}-reader-{reader}",
                NEWEST,
                self._name,
                self._stage.edges.send(
                    "GET",
                    _MINE,
                    home=reader,
                    patience=_READ_PATIENCE,
                    token=token,
                ),
                asked={"f": READ},
                read=lambda answer: {"value": newest(answer)},
            )
            if session_lost(answer):
                await self._signed_in(token)
            if await self._stage.no_more(_READ_SECONDS):
                return

    async def _signed_in(self, stale: str) -> None:
        try:
            await self._who.sign_in(self._stage, stale)
        except CannotBegin as error:
            self._stage.troubles.append(str(error))


def newest(answer: Answer) -> str | None:
    """The id in the first line of an account's list; None if it has none."""
    items = answer.json()["items"]
    return items[0]["id"] if items else None
