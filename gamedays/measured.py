"""What was measured, over the newest runs on record, as the rows of docs/gamedays.md: pure.

The record is `runs.jsonl`, a line a run: figures come together over days and machines, and a reader
can see each of them.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import replace

import orjson

from gamedays.judging import Result
from gamedays.scenario import Scenario

HEAD = (
    "| scenario | bound: gap of orders · detected · recovered | stands for | published"
    " | runs passed | gap of orders, median (worst) | detected | recovered | lost · twice |"
)

RUNS = 5
"""So many count: older ones tell of a cluster that has changed since."""


def recorded(text: bytes) -> list[Result]:
    """The runs on record, the oldest first."""
    return [Result.decode(orjson.loads(line)) for line in text.splitlines()]


def record(results: Iterable[Result], known: Sequence[Result]) -> bytes:
    """The lines of runs that are not on record yet: their figures, and of checks what failed."""
    folders = {result.folder for result in known}
    lines = []
    for result in results:
        if result.verdict == "not run" or result.folder in folders:
            continue
        failed = {name: check for name, check in result.checks.items() if check.valid is not True}
        lines.append(orjson.dumps(replace(result, checks=failed).encode()) + b"\n")
    return b"".join(lines)


def rows(scenarios: Sequence[Scenario], results: Sequence[Result]) -> list[str]:
    """A Markdown table: a row a scenario; what has not been run is an honest blank.

    `results` are in the order of their time; of each scenario the newest RUNS count.
    """
    lines = [HEAD, "|" + " --- |" * HEAD.count(" |")]
    for scenario in scenarios:
        own = [r for r in results if r.scenario == scenario.name and r.verdict != "not run"]
        lines.append(f"| {' | '.join(_cells(scenario, own[-RUNS:]))} |")
    return lines


def _cells(scenario: Scenario, own: Sequence[Result]) -> list[str]:
    holds = scenario.holds
    bounds = (holds.order.gap_s, holds.detect_s, holds.recover_s)
    return [
        scenario.name,
        " · ".join("-" if bound is None else f"{bound:g} s" for bound in bounds),
        scenario.stands_for.service,
        scenario.stands_for.figure,
        f"{sum(r.passed for r in own)} of {len(own)}" if own else "",
        _spread([r.figures["ordering.gap_s"] for r in own if "ordering.gap_s" in r.figures]),
        _spread([r.detect_s for r in own if r.detect_s is not None]),
        _spread([r.recover_s for r in own if r.recover_s is not None]),
        f"{sum(r.lost for r in own)} · {sum(r.duplicated for r in own)}" if own else "",
    ]


def _spread(values: Sequence[float]) -> str:
    if not values:
        return ""
    return f"{statistics.median(values):.1f} s ({max(values):.1f} s)"
