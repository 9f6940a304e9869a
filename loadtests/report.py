"""The end of a run as a person reads it: pure, from the summary and the verdict to tables."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from loadtests.checker import Verdict
from loadtests.progress import Summary, duration

_FINDINGS_SHOWN = 10
_MARKS = {
    "failover": "sent again by the other edge",
    "unavailable": "told to wait (503), and did",
    "in-progress": "still running (409), asked again",
    "session-lost": "signed in again (session lost)",
}


def passed(summary: Summary | None, verdict: Verdict | None) -> bool:
    """No request failed, and everything acknowledged is there, once."""
    return bool(summary and summary.failures == 0 and verdict and verdict.ok)


def report(summary: Summary, verdict: Verdict | None) -> RenderableType:
    """All of it."""
    parts: list[RenderableType] = [_requests(summary), Text(), _totals(summary, verdict)]
    findings = list(summary.errors)
    if verdict:
        findings += verdict.lost + verdict.duplicates + verdict.undecided + verdict.unknown
    if findings:
        parts += [Text(), *(Text(f"  {text}", style="red") for text in findings[:_FINDINGS_SHOWN])]
        if len(findings) > _FINDINGS_SHOWN:
            parts.append(Text(f"  and {len(findings) - _FINDINGS_SHOWN} more", style="red"))
    return Group(*parts)


def _requests(summary: Summary) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("request")
    for name in ("count", "failed", "p50", "p99", "slowest"):
        table.add_column(name, justify="right")
    for row in summary.rows:
        table.add_row(
            row.name,
            str(row.requests),
            _bad(row.failures),
            duration(row.p50),
            duration(row.p99),
            duration(row.slowest),
        )
    return table


def _totals(summary: Summary, verdict: Verdict | None) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="dim")
    table.add_column()
    table.add_row("requests", f"{summary.requests} ({summary.rps:.0f}/s)")
    table.add_row("failures", _bad(summary.failures))
    table.add_row("slowest", f"{duration(summary.slowest)} ({summary.slowest_name})")
    for mark, count in sorted(summary.marks.items()):
        table.add_row(_MARKS.get(mark, mark), str(count))
    table.add_row("generator", f"{summary.generator_cpu:.0%} of a core")
    if verdict is None:
        table.add_row("orders", Text("no verdict: the cluster does not answer", style="bold red"))
        return table
    table.add_row(
        "acknowledged orders",
        f"{verdict.acknowledged} ({verdict.confirmed} confirmed, {verdict.declined} declined)",
    )
    table.add_row("refused (sold out)", str(summary.orders.get("refused", 0)))
    table.add_row("lost", _bad(len(verdict.lost)))
    table.add_row("duplicates", _bad(len(verdict.duplicates)))
    if verdict.undecided:
        table.add_row("undecided", _bad(len(verdict.undecided)))
    if verdict.unknown:
        table.add_row("unknown", _bad(len(verdict.unknown)))
    return table


def _bad(count: int) -> Text:
    return Text(str(count), style="bold red" if count else "green")
