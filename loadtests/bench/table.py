"""The measurements as a person reads them: a page of tables, one for each scenario."""

from __future__ import annotations

from collections.abc import Sequence

from loadtests.bench import kept
from loadtests.bench.kept import Row
from loadtests.bench.peers import HAPROXY
from loadtests.bench.scenarios import SCENARIOS

_HEAD = (
    "| | requests/s (min - max) | of HAProxy | CPU µs a request | p50 ms | p99 ms | errors "
    "| measured |\n"
    "| --- | ---: | ---: | ---: | ---: | ---: | ---: | --- |"
)
_NOTEWORTHY = 0.1
LeftOut = tuple[str, str, str]
"""A scenario, a peer, and why it was not measured."""


def page(rows: Sequence[Row], machine: str, left_out: Sequence[LeftOut] = ()) -> str:
    """All of it, as markdown. `rows` as in latest.json."""
    parts = ["# The balancer beside its peers", machine]
    parts += [text for text in (kept.remark(rows), disturbance(rows)) if text]
    for name in dict.fromkeys([*(row["scenario"] for row in rows), *(s for s, _, _ in left_out)]):
        own = [row for row in rows if row["scenario"] == name]
        parts.append(_section(name, own, [(p, why) for s, p, why in left_out if s == name]))
    return "\n\n".join(parts) + "\n"


def disturbance(rows: Sequence[Row]) -> str:
    """A warning, where the machine had other work; empty where it had none."""
    most = max((row.get("disturbed", 0.0) for row in rows), default=0.0)
    if most < _NOTEWORTHY:
        return ""
    return (
        f"**Not alone: up to {most:.0%} of the proxy's core went to other work during a round. "
        "Requests a second mean little then; CPU a request still does.**"
    )


def title(scenario: str) -> str:
    """What a person calls it."""
    return next((one.title for one in SCENARIOS if one.name == scenario), scenario)


def _section(name: str, rows: Sequence[Row], left_out: Sequence[tuple[str, str]]) -> str:
    best = next((row["rps"]["median"] for row in rows if row["peer"] == HAPROXY), 0.0)
    lines = [f"## {title(name)}\n", _HEAD, *(_line(row, best) for row in rows)]
    lines += [f"\nLeft out: {peer}, {why}." for peer, why in left_out]
    return "\n".join(lines)


def _line(row: Row, best: float) -> str:
    rps = row["rps"]
    share = f"{rps['median'] / best:.2f}" if best else ""
    return (
        f"| {row['peer']} | {rps['median']:,.0f} ({rps['min']:,.0f} - {rps['max']:,.0f}) | {share} "
        f"| {row['cpu_us_per_request']:,.1f} | {row['p50_ms']:.2f} | {row['p99_ms']:.2f} "
        f"| {row['errors']} | {kept.when(row)} |"
    )
