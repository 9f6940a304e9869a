"""The results as a person reads them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from loadtests.bench import kept
from loadtests.bench.failover.cases import CASES, Case
from loadtests.bench.failover.client import KINDS, PATIENCE_SECONDS
from loadtests.bench.failover.judge import Row


@dataclass
class Result:
    """A peer in a case."""

    case: Case
    peer: str
    rows: list[Row] = field(default_factory=list)
    left_out: str = ""
    measured: str = kept.BEFORE
    """When, UTC."""

    def as_json(self) -> dict[str, object]:
        """An element of failover.json."""
        kinds = {row.kind.name: row.as_json() for row in self.rows}
        return {"case": self.case.name, "peer": self.peer, "kinds": kinds,
                "measured": self.measured}  # fmt: skip

    @staticmethod
    def from_json(found: kept.Row) -> Result | None:
        """What `as_json` gave; None of a case that there is no longer."""
        case = next((one for one in CASES if one.name == found["case"]), None)
        own = [Row.from_json(kind, found["kinds"][kind.name]) for kind in KINDS
               if kind.name in found["kinds"]]  # fmt: skip
        return Result(case, found["peer"], own, "", kept.when(found)) if case and own else None


_HEAD = (
    "| | failed: get | put | keyed post | with Expect | of 256 KiB | post (and yet done) "
    "| post done twice | lost | worst, s | worst of post and 256 KiB, s | over 0.5 s "
    "| worst once settled, s | measured |\n"
    "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: "
    "| --- |"
)
_PROMISED = ("get", "put", "keyed post", "expecting", "large")


def page(results: Sequence[Result], intro: str, complaints: Sequence[str]) -> str:
    """All of it, as markdown."""
    parts = ["# When a backend fails", intro]
    if told := kept.remark([one.as_json() for one in results if one.rows]):
        parts.append(told)
    for case in sorted({result.case for result in results}, key=CASES.index):
        own = [result for result in results if result.case is case]
        lines = [f"## {case.title}\n", _HEAD, *(_line(one) for one in own if one.rows)]
        lines += [f"\nLeft out: {one.peer}, {one.left_out}." for one in own if one.left_out]
        parts.append("\n".join(lines))
    if complaints:
        parts.append("\n".join(["Not as promised:\n", *(f"- {told}" for told in complaints)]))
    return "\n\n".join(parts) + "\n"


def _line(result: Result) -> str:
    rows = {row.kind.name: row for row in result.rows}
    post = rows["post"]
    failed = [str(rows[name].failed) if name in rows else "" for name in _PROMISED]
    unkeyed = f"{post.failed} ({post.failed_with_effect})"
    others = [row for row in result.rows if not (row.kind.repeatable and row.kind.kept)]
    # What has a key, or is idempotent, may be done twice: it is the same effect.
    cells = [*failed, unkeyed, post.twice, sum(row.lost for row in result.rows)]
    worst = max(row.worst for row in result.rows if row not in others)
    settled = max(row.worst_settled for row in result.rows)
    slow = sum(row.slow for row in result.rows)
    times = [_s(worst), _s(max(row.worst for row in others)), str(slow), _s(settled)]
    return f"| {result.peer} | {' | '.join([*map(str, cells), *times, result.measured])} |"


def _s(seconds: float) -> str:
    most = PATIENCE_SECONDS
    return f"{most:g} or more" if seconds >= most else f"{seconds:.2f}"
