"""The measurements as a person reads them: a page of tables, one for each scenario."""

from __future__ import annotations

from collections.abc import Sequence

from loadtests.bench.measure import Measured
from loadtests.bench.peers import HAPROXY

_HEAD = (
    "| | requests/s (min - max) | of HAProxy | CPU µs a request | p50 ms | p99 ms | errors |\n"
    "| --- | ---: | ---: | ---: | ---: | ---: | ---: |"
)
_NOTEWORTHY = 0.1


def page(rows: Sequence[Measured], machine: str) -> str:
    """All of it, as markdown."""
    parts = ["# The balancer beside its peers", machine]
    if warning := disturbance(rows):
        parts.append(warning)
    for name in dict.fromkeys(row.scenario.name for row in rows):
        own = [row for row in rows if row.scenario.name == name]
        parts.append(_section(own))
    return "\n\n".join(parts) + "\n"


def disturbance(rows: Sequence[Measured]) -> str:
    """A warning, where the machine had other work; empty where it had none."""
    most = max((share for row in rows for share in row.disturbed), default=0.0)
    if most < _NOTEWORTHY:
        return ""
    return (
        f"**Not alone: up to {most:.0%} of the proxy's core went to other work during a round. "
        "Requests a second mean little then; CPU a request still does.**"
    )


def _section(rows: Sequence[Measured]) -> str:
    best = next((r.rps.median for r in rows if r.peer == HAPROXY and not r.failed), 0.0)
    measured = [row for row in rows if not row.failed]
    lines = [f"## {rows[0].scenario.title}\n", _HEAD, *(_line(row, best) for row in measured)]
    lines += [f"\nLeft out: {row.peer}, {row.failed}." for row in rows if row.failed]
    return "\n".join(lines)


def _line(row: Measured, best: float) -> str:
    found, rps = row.as_json(), row.rps
    share = f"{rps.median / best:.2f}" if best else ""
    return (
        f"| {row.peer} | {rps.median:,.0f} ({rps.min:,.0f} - {rps.max:,.0f}) | {share} "
        f"| {found['cpu_us_per_request']:,.1f} | {found['p50_ms']:.2f} | {found['p99_ms']:.2f} "
        f"| {row.errors} |"
    )
