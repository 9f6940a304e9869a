"""Before a round the peers have come to rest, so that none takes the core from the next."""

from typing import cast

import pytest

from loadtests.bench import measure
from loadtests.bench.measure import settle
from loadtests.bench.program import Program


class Peer:
    """Has used so many seconds of a core, each time it is asked."""

    def __init__(self, *used: float) -> None:
        self._used = list(used)

    def cpu_seconds(self) -> float:
        return self._used.pop(0) if len(self._used) > 1 else self._used[0]


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(measure, "time", clock)
    return clock


def test_peers_at_rest_are_seen_at_once(clock: Clock) -> None:
    settle(cast("list[Program]", [Peer(3.0), Peer(5.0)]))
    assert clock.now == pytest.approx(0.2)


def test_who_still_works_is_waited_for(clock: Clock) -> None:
    settle(cast("list[Program]", [Peer(3.0), Peer(0.0, 0.2, 0.4, 0.5, 0.505)]))
    assert clock.now == pytest.approx(0.8)


def test_who_never_rests_is_not_waited_for_for_ever(clock: Clock) -> None:
    busy = Peer(*(0.2 * at for at in range(1_000)))
    settle(cast("list[Program]", [busy]))
    assert 15 <= clock.now < 16
