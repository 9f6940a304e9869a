"""Buyers: every purchase has a key of its own, and is asked again by it until it is answered."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from gamedays.checkers.acknowledged import ORDER
from gamedays.workloads.decisions import Answer, final, pause, session_lost
from gamedays.workloads.stage import CannotBegin, Person, Stage

_CARDS = ("tok_ok",) * 93 + ("tok_declined",) * 5 + ("tok_slow",) * 2
_MOST_SEATS = 3
_MOST_UNDER_WAY = 100


class Buyers:
    """People who buy."""

    def __init__(self, stage: Stage, people: Sequence[Person], rate: float) -> None:
        self._stage = stage
        self._people = people
        self._rate = rate

    async def run(self) -> None:
        """Until the load ends, and then until each purchase is answered or given up."""
        await self._stage.pace(self._rate, self._buy, _MOST_UNDER_WAY)

    async def _buy(self, n: int) -> None:
        """One purchase. Each time it is asked is an operation of its own, by the same key."""
        rng, who = self._stage.rng, self._people[n % len(self._people)]
        body = {
            "show_id": rng.choice(self._stage.shows),
            "seats": rng.randint(1, _MOST_SEATS),
            "card": rng.choice(_CARDS),
        }
        key = uuid.uuid4().hex
        for asked in itertools.count(1):
            token = who.token
            answer = await self._ask(f"buyer-{n}", n, key, who, body)
            if final(answer):
                return
            if session_lost(answer):
                with suppress(CannotBegin):  # whether to ask again is asked below, here too
                    await who.sign_in(self._stage, token)
            if await self._stage.no_more(pause(answer, asked)):
                return

    async def _ask(self, process: str, home: int, key: str, who: Person, body: Any) -> Answer:
        return await self._stage.operation(
            process,
            ORDER,
            key,
            self._stage.edges.send(
                "POST", "/orders", home=home, body=body, token=who.token, key=key
            ),
            asked={**body, "account": who.account},
            read=placed,
        )


def placed(answer: Answer) -> dict[str, Any]:
    """What the history keeps of an acknowledged order."""
    order = answer.json()
    return {"order": order["id"], "seats": order["seats"]}
