"""Discovery by file: each is looked at twice a second, and read when it has changed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from loadbalancer.config.table import why
from loadbalancer.discovery.members import Member, read_members

_INTERVAL = 0.5
_MOST_BYTES = 4 * 1_048_576

Heard = Callable[[tuple[Member, ...]], None]
Tell = Callable[..., None]
Stamp = tuple[int, int, int]


class FileWatch:
    """Tells who is listed. A file that is away, empty or wrong changes nothing."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._wanted: dict[Path, list[Heard]] = {}
        self._stamps: dict[Path, Stamp | None] = {}
        self._wrong: dict[Path, str] = {}

    def watch(self, wanted: dict[Path, list[Heard]]) -> None:
        """These files from now on, and no others; each is read at once."""
        self._wanted = wanted
        self._stamps.clear()
        self._wrong = {path: why for path, why in self._wrong.items() if path in wanted}
        self.look()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(_INTERVAL)
            self.look()

    def look(self) -> None:
        """Reads what has changed."""
        for path, hearers in self._wanted.items():
            stamp = _stamp(path)
            if path in self._stamps and stamp == self._stamps[path]:
                continue
            self._stamps[path] = stamp
            self._read(path, hearers)

    def _read(self, path: Path, hearers: list[Heard]) -> None:
        try:
            with path.open(encoding="utf-8") as file:
                text = file.read(_MOST_BYTES)
            members = read_members(text, as_json=path.suffix == ".json")
        except Exception as error:  # noqa: BLE001 - whatever it says, it changes nothing
            reason = getattr(error, "strerror", "") or why(error)
            if self._wrong.get(path) != reason:
                self._wrong[path] = reason
                self._tell("instances file refused", level="ERROR", file=str(path), reason=reason)
            return
        if self._wrong.pop(path, None):
            self._tell("instances file good again", file=str(path))
        for hear in hearers:
            hear(members)


def _stamp(path: Path) -> Stamp | None:
    try:
        found = path.stat()
    except (OSError, ValueError):
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
