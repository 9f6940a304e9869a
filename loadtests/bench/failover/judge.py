"""What a case comes to: pure, from what callers got and what backends did."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from loadtests.bench.failover.client import KINDS, Done, Kind

OWN_ERROR = 500
"""What the backends answer when they err; a balancer's own answers are 502, 503 and 504."""
SLOW_SECONDS = 0.5
HUNG_COSTS_SECONDS = 0.3
"""What a hung backend may cost a caller whose request may be sent twice."""
SETTLED_SECONDS = 4.0
"""So long after a fault, callers should notice nothing of it any more."""


@dataclass(frozen=True, slots=True)
class Effects:
    """What the backends wrote down."""

    seen: frozenset[str]
    happened: Counter[str]

    @staticmethod
    def read(lines: Iterable[str]) -> Effects:
        """From all their logs; a line that was cut off by a kill is none."""
        seen: set[str] = set()
        happened: Counter[str] = Counter()
        for line in lines:
            what, _, request_id = line.strip().partition(" ")
            if what == "S":
                seen.add(request_id)
            elif what == "E":
                happened[request_id] += 1
        return Effects(frozenset(seen), happened)


@dataclass(frozen=True, slots=True)
class Row:
    """One kind of request in one case. Times in seconds."""

    kind: Kind
    requests: int
    failed: int
    answered: int
    """Of these, with a backend's own 500: its answer had begun, and was passed on."""
    failed_unseen: int
    """Failed although no backend had begun with it."""
    failed_with_effect: int
    """The caller does not know that it happened."""
    lost: int
    """Acknowledged, and did not happen."""
    twice: int
    """Happened more than once."""
    worst: float
    slow: int
    worst_settled: float

    def as_json(self) -> dict[str, object]:
        """As it stands in failover.json."""
        return {
            "requests": self.requests, "failed": self.failed, "answered_500": self.answered,
            "failed_unseen": self.failed_unseen, "failed_with_effect": self.failed_with_effect,
            "lost": self.lost, "twice": self.twice,
            "worst_s": round(self.worst, 3), "slow": self.slow,
            "worst_settled_s": round(self.worst_settled, 3),
        }  # fmt: skip

    @staticmethod
    def from_json(kind: Kind, found: Mapping[str, Any]) -> Row:
        """What `as_json` gave."""
        return Row(
            kind, found["requests"], found["failed"], found["answered_500"],
            found["failed_unseen"], found["failed_with_effect"], found["lost"], found["twice"],
            found["worst_s"], found["slow"], found["worst_settled_s"],
        )  # fmt: skip


def rows(done: Sequence[Done], effects: Effects, fault_at: float) -> list[Row]:
    """One for each kind that was sent; `fault_at` is in seconds from the load's start."""
    found = []
    for kind in KINDS:
        own = [one for one in done if one.kind is kind]
        if own:
            found.append(_row(kind, own, effects, fault_at))
    return found


def _row(kind: Kind, own: list[Done], effects: Effects, fault_at: float) -> Row:
    failed = [one for one in own if one.failed]
    settled = [one.seconds for one in own if one.began >= fault_at + SETTLED_SECONDS]
    acts = kind.method != b"GET"
    return Row(
        kind=kind,
        requests=len(own),
        failed=len(failed),
        answered=sum(one.status == OWN_ERROR for one in failed),
        failed_unseen=sum(one.request_id not in effects.seen for one in failed),
        failed_with_effect=sum(effects.happened[one.request_id] > 0 for one in failed),
        lost=sum(not effects.happened[o.request_id] for o in own if not o.failed) if acts else 0,
        twice=sum(effects.happened[one.request_id] > 1 for one in own),
        worst=max(one.seconds for one in own),
        slow=sum(one.seconds > SLOW_SECONDS for one in own),
        worst_settled=max(settled, default=0.0),
    )


def complaints(found: Sequence[Row], *, hangs: bool) -> list[str]:
    """What is not as this balancer promises it; empty if all is."""
    told = []
    for row in found:
        name = row.kind.name
        if row.lost:
            told.append(f"{name}: {row.lost} acknowledged and not done")
        promised = row.kind.repeatable and row.kind.kept
        if promised and row.failed > row.answered:
            told.append(f"{name}: {row.failed - row.answered} failed without an answer")
        if not row.kind.repeatable and row.twice:
            told.append(f"{name}: {row.twice} done twice")
        if not promised and row.failed_unseen and not hangs:
            told.append(f"{name}: {row.failed_unseen} failed and could have had no effect")
        if hangs and promised and row.worst > HUNG_COSTS_SECONDS:
            told.append(f"{name}: took {row.worst:.2f} s, more than {HUNG_COSTS_SECONDS:g} s")
        if hangs and row.worst_settled > HUNG_COSTS_SECONDS:
            told.append(f"{name}: still {row.worst_settled:.2f} s once it should be ejected")
    return told
