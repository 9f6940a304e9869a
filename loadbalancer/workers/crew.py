"""Which workers should run, which of them leads, and who has to be started again. No I/O.

1. There is always one leader while anybody runs: the one that has run longest. It checks,
   discovers, and answers the admin listener for all.
2. Who dies is started again: at once the first time, then after 0.2 s, 0.4 s … 5 s, until it has
   lived for 10 s.
3. Who has said nothing for 5 s is hung: it is killed, and so died.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

_FIRST_WAIT = 0.1
_LONGEST_WAIT = 5.0
_GOOD_LIFE = 10.0
_SILENCE = 5.0
_PATIENCE_AT_START = 20.0
"""A machine that starts everything at once is slow."""


class Start(NamedTuple):
    """Start this worker."""

    worker: int


class Kill(NamedTuple):
    """It is hung."""

    worker: int


class Stop(NamedTuple):
    """There is one too many: it should drain."""

    worker: int


class Lead(NamedTuple):
    """From now on it leads."""

    worker: int


Action = Start | Kill | Stop | Lead


@dataclass(slots=True)
class _Worker:
    """One place in the crew."""

    running: bool = False
    since: float = 0.0
    heard: float = 0.0
    spoke: bool = False
    start_at: float = 0.0
    deaths: int = 0
    ending: bool = False


class Crew:
    """See the top of this file. `leader` is None while nobody runs."""

    def __init__(self, size: int) -> None:
        self._places = {n: _Worker() for n in range(1, size + 1)}
        self._size = size
        self._stopping = False
        self.leader: int | None = None

    def resize(self, size: int) -> None:
        """So many from now on."""
        self._size = size
        for n in range(1, size + 1):
            self._places.setdefault(n, _Worker())

    def stop(self) -> None:
        """Nobody is started any more."""
        self._stopping = True

    @property
    def running(self) -> list[int]:
        """Those that run."""
        return [n for n, place in self._places.items() if place.running]

    def started(self, worker: int, now: float) -> None:
        """Its process is there."""
        place = self._places[worker]
        place.running, place.since, place.heard, place.spoke = True, now, now, False
        place.ending = False

    def heard(self, worker: int, now: float) -> None:
        """It said something."""
        place = self._places[worker]
        place.heard, place.spoke = now, True

    def died(self, worker: int, now: float) -> float:
        """Its process has ended; gives the seconds until it is started again."""
        place = self._places[worker]
        place.running = False
        if self.leader == worker:
            self.leader = None
        place.deaths = 1 if now - place.since >= _GOOD_LIFE else place.deaths + 1
        wait = 0.0 if place.deaths == 1 else _FIRST_WAIT * 2 ** (place.deaths - 1)
        wait = min(wait, _LONGEST_WAIT)
        place.start_at = now + wait
        return wait

    def due(self, now: float) -> list[Action]:
        """What has to be done by now."""
        actions: list[Action] = []
        for n, place in list(self._places.items()):
            if not place.running:
                if n > self._size:
                    del self._places[n]
                elif not self._stopping and place.start_at <= now:
                    actions.append(Start(n))
            elif now - place.heard > (_SILENCE if place.spoke else _PATIENCE_AT_START):
                actions.append(Kill(n))
            elif n > self._size and not place.ending:
                place.ending = True
                actions.append(Stop(n))
        leader = self._places.get(self.leader) if self.leader is not None else None
        if leader is None or leader.ending:
            able = [n for n in self.running if not self._places[n].ending]
            if able:
                self.leader = min(able, key=lambda n: (self._places[n].since, n))
                actions.append(Lead(self.leader))
        return actions
