"""Somebody who signs in and out all the time: can each shard of Redis be written to?"""

from __future__ import annotations

import uuid

from gamedays.judging import SIGNING
from gamedays.workloads.decisions import Answer, outcome, shard
from gamedays.workloads.stage import Person, Stage

_PAUSE_SECONDS = 1.0  # between two writes: a gap is known to about that
_PATIENCE, _ATTEMPT = 5.0, 2.5  # the cluster says within a second that it cannot


class SignIns:
    """One person, whose sessions lie in one shard; its name is the key of each operation.

    Session registers live for half a minute, so that they tell of what was lost, and not of how
    long nobody could sign in. A session that nobody could close is left to lapse.
    """

    def __init__(self, stage: Stage, who: Person) -> None:
        self._stage = stage
        self._who = who
        self._key = f"shard-{shard(who.account)}"

    async def run(self) -> None:
        """Until the load ends."""
        while not await self._stage.over(_PAUSE_SECONDS):
            answer = await self._write("POST", "/sessions", body=self._who.credentials)
            if outcome(answer) != "ok":
                continue
            if await self._stage.over(_PAUSE_SECONDS):
                return
            await self._write("DELETE", "/sessions/current", token=answer.json()["token"])

    async def _write(
        self, method: str, path: str, *, body: object = None, token: str = ""
    ) -> Answer:
        return await self._stage.operation(
            self._key,
            SIGNING,
            self._key,
            self._stage.edges.send(
                method,
                path,
                home=shard(self._who.account),
                patience=_PATIENCE,
                attempt=_ATTEMPT,
                body=body,
                token=token,
                key=uuid.uuid4().hex if body else "",
            ),
        )
