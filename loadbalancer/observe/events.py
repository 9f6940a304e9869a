"""What happens, for people and for log collectors: one JSON object a line."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from datetime import UTC, datetime

from loadbalancer.observe.output import Output

_MOST_READERS = 32
_MOST_UNREAD = 256


class Events:
    """Writes an event for every change of state, with its reason."""

    def __init__(
        self, instance: str, zone: str, out: Output | None = None, *, worker: int | None = None
    ) -> None:
        """`worker`: its number, where there are several."""
        self._more = {} if worker is None else {"worker": worker}
        self.called(instance, zone)
        self._out = out or Output()
        self._out.losses = self._losses
        self._readers: set[Reader] = set()

    def called(self, instance: str, zone: str) -> None:
        """Who we are, from now on."""
        self._always = {"logger": "loadbalancer", "instance": instance, "zone": zone, **self._more}

    def tell(self, event: str, *, level: str = "INFO", **fields: object) -> str:
        """Writes one line, and gives it. `fields` say what and why."""
        text = self._line(event, level, fields)
        self._out.write(text)
        if event != "request":
            self.pass_on(text)
        return text

    @property
    def lost(self) -> int:
        """Lines that could not be written."""
        return self._out.lost

    def close(self) -> None:
        """Nothing more is told; what was, is written, if somebody takes it."""
        self._out.close()

    def _losses(self, number: int) -> str:
        return self._line("log lines lost", "WARNING", {"number": number})

    def _line(self, event: str, level: str, fields: dict[str, object]) -> str:
        line = {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "level": level,
            "message": event,
            **self._always,
            **fields,
        }
        return json.dumps(line, default=str)

    def pass_on(self, text: str) -> None:
        """Tells those who follow a line that was written, perhaps by another process."""
        for reader in self._readers:
            reader.put(text)

    def follow(self) -> Reader | None:
        """For somebody who wants to hear every event from now on; None if too many do."""
        if len(self._readers) >= _MOST_READERS:
            return None
        reader = Reader()
        self._readers.add(reader)
        return reader

    def unfollow(self, reader: Reader) -> None:
        """It hears no more."""
        self._readers.discard(reader)

    def end(self) -> None:
        """There will be no more events for those who follow."""
        for reader in self._readers:
            reader.end()


class Reader:
    """Somebody who follows the events. Who is slow loses some, and is told how many."""

    def __init__(self) -> None:
        self._lines: deque[str] = deque()
        self._lost = 0
        self._more = asyncio.Event()
        self._ended = False

    def put(self, text: str) -> None:
        """An event; without room it is lost."""
        if len(self._lines) >= _MOST_UNREAD:
            self._lost += 1
        else:
            self._lines.append(text)
        self._more.set()

    def end(self) -> None:
        """After what it has not read yet, nothing comes."""
        self._ended = True
        self._more.set()

    async def next(self) -> tuple[list[str], int] | None:
        """All that it has not read, and how many were lost after those; None at the end."""
        while not self._lines and not self._lost:
            if self._ended:
                return None
            self._more.clear()
            await self._more.wait()
        lines, lost = list(self._lines), self._lost
        self._lines.clear()
        self._lost = 0
        return lines, lost
