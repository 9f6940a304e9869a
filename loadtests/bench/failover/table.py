"""The results as a person reads them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from loadtests.bench.failover.cases import Case
from loadtests.bench.failover.client import PATIENCE_SECONDS
from loadtests.bench.failover.judge import Row


@dataclass
class Result:
    """A peer in a case."""

    case: Case
    peer: str
    rows: list[Row] = field(default_factory=list)
    left_out: str = ""

    def as_json(self) -> dict[str, object]:
        """An element of failover.json."""
        kinds = {row.kind.name: row.as_json() for row in self.rows}
        return {"case": self.case.name, "peer": self.peer, "kinds": kinds}


_HEAD = (
    "| | failed: get | put | keyed post | post (and yet done) | post done twice | lost "
    "| worst, s | worst of post, s | over 0.5 s | worst once settled, s |\n"
    "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
)


def page(results: Sequence[Result], intro: str, complaints: Sequence[str]) -> str:
    """All of it, as markdown."""
    parts = ["# When a backend fails", intro]
    for case in dict.fromkeys(result.case for result in results):
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
    failed = [f"{rows[name].failed}" for name in ("get", "put", "keyed post")]
    unkeyed = f"{post.failed} ({post.failed_with_effect})"
    # What has a key, or is idempotent, may be done twice: it is the same effect.
    cells = [*failed, unkeyed, post.twice, sum(row.lost for row in result.rows)]
    worst = max(row.worst for row in result.rows if row is not post)
    settled = max(row.worst_settled for row in result.rows)
    slow = sum(row.slow for row in result.rows)
    times = [_s(worst), _s(post.worst), str(slow), _s(settled)]
    return f"| {result.peer} | {' | '.join([*map(str, cells), *times])} |"


def _s(seconds: float) -> str:
    most = PATIENCE_SECONDS
    return f"{most:g} or more" if seconds >= most else f"{seconds:.2f}"
