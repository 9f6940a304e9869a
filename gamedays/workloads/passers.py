"""Who only looks, and who comes for the first time."""

from __future__ import annotations

import uuid

from gamedays.checkers.newcomers import NEWCOMER
from gamedays.judging import BROWSE, PROBE
from gamedays.workloads.stage import Stage

PROBE_RATE = 10.0
"""A second: a gap is known to a tenth of a second."""

NEWCOMER_RATE = 1.0
"""A second: hashing a password is the dearest thing that the cluster does."""

_PATIENCE, _ATTEMPT = 3.0, 1.5


class Browsers:
    """The probe, which always asks for the same page, and people who look at shows."""

    def __init__(self, stage: Stage, rate: float) -> None:
        self._stage = stage
        self._rate = rate

    async def probe(self) -> None:
        """Ten times a second until the load ends."""
        await self._stage.pace(PROBE_RATE, self._probe)

    async def browse(self) -> None:
        """At its rate until the load ends."""
        if self._rate:
            await self._stage.pace(self._rate, self._browse)

    async def _probe(self, n: int) -> None:
        await self._get(f"probe-{n}", n, PROBE, f"/shows/{self._stage.shows[0]}")

    async def _browse(self, n: int) -> None:
        page = f"/shows/{self._stage.rng.choice(self._stage.shows)}" if n % 3 else "/shows?limit=10"
        await self._get(f"browser-{n}", n, BROWSE, page)

    async def _get(self, process: str, home: int, kind: str, path: str) -> None:
        await self._stage.operation(
            process,
            kind,
            path,
            self._stage.edges.send("GET", path, home=home, patience=_PATIENCE, attempt=_ATTEMPT),
        )


class Newcomers:
    """Open accounts without a key, and ask once: whoever repeats it on the way is found out."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    async def run(self) -> None:
        """Until the load ends."""
        await self._stage.pace(NEWCOMER_RATE, self._come, most=10)

    async def _come(self, n: int) -> None:
        email = f"newcomer-{uuid.uuid4().hex}@example.org"
        body = {"email": email, "password": uuid.uuid4().hex}
        await self._stage.operation(
            f"newcomer-{n}",
            NEWCOMER,
            email,
            self._stage.edges.send("POST", "/accounts", home=n, tries=1, body=body),
            read=lambda answer: {"status": answer.status},
        )
