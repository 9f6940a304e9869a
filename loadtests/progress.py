"""What a run tells while it goes, and what is left of it at the end: pure, from plain numbers."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import orjson

SUMMARY = "summary.json"


@dataclass(frozen=True, slots=True)
class Now:
    """A moment of the run. Times in milliseconds, of the last ten seconds."""

    elapsed: float
    seconds: float
    users: int
    rps: float
    failures: int
    p50: float
    p99: float
    acknowledged: int
    failovers: int


@dataclass(frozen=True, slots=True)
class Row:
    """One kind of request. Times in milliseconds."""

    name: str
    requests: int
    failures: int
    p50: float
    p99: float
    slowest: float


@dataclass(frozen=True, slots=True)
class Summary:
    """The whole run; `generator_cpu` is the load's own use of a core, 1.0 being all of it."""

    seconds: float
    requests: int
    failures: int
    rps: float
    p50: float
    p99: float
    slowest: float
    slowest_name: str
    generator_cpu: float
    orders: dict[str, int]
    marks: dict[str, int]
    rows: list[Row] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def write(self, run_dir: Path) -> None:
        """Keeps it for whoever reads it later."""
        text = orjson.dumps(asdict(self), option=orjson.OPT_INDENT_2)
        (run_dir / SUMMARY).write_bytes(text)

    @staticmethod
    def read(run_dir: Path) -> Summary | None:
        """The run's, None if it did not get that far."""
        path = run_dir / SUMMARY
        if not path.exists():
            return None
        fields: dict[str, Any] = orjson.loads(path.read_bytes())
        return Summary(**{**fields, "rows": [Row(**row) for row in fields["rows"]]})


def line(now: Now) -> str:
    """The one line that a person sees of a running load."""
    return (
        f"{clock(now.elapsed)} of {clock(now.seconds)}  {now.users} users  "
        f"{now.rps:5.0f} req/s  {now.failures} failed  "
        f"p50 {duration(now.p50)}  p99 {duration(now.p99)}  "
        f"{now.acknowledged} orders  {now.failovers} failovers"
    )


def clock(seconds: float) -> str:
    """`02:05`."""
    return f"{int(seconds) // 60:02d}:{int(seconds) % 60:02d}"


def duration(milliseconds: float) -> str:
    """In the unit that a person would use."""
    if milliseconds >= 1000:  # noqa: PLR2004
        return f"{milliseconds / 1000:.1f} s"
    return f"{milliseconds:.0f} ms"
