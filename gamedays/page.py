"""A run as a page: the picture, the verdicts, what was done and seen. No script, no network."""

from __future__ import annotations

from html import escape

from gamedays.history import FAULT, HEAL, SEEN, History, HistoryBroken
from gamedays.judging import Result
from gamedays.scenario import Scenario
from gamedays.timeline import plot

KINDS = ("probe", "order", "browse")

_SEEN_SHOWN = 200
_STYLE = """
body { font: 15px/1.5 sans-serif; color: #0f172a; max-width: 980px; margin: 2em auto }
table { border-collapse: collapse; width: 100%; margin: 1em 0 }
td, th { text-align: left; vertical-align: top; border-bottom: 1px solid #e2e8f0 }
td, th { padding: .25em .8em .25em 0 }
.pass { color: #15803d } .fail { color: #b91c1c } .muted { color: #64748b }
"""


def page(scenario: Scenario, result: Result, history: History) -> str:
    """The whole HTML file."""
    word = "pass" if result.passed else "fail"
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{escape(scenario.title)}</title>
<style>{_STYLE}</style></head><body>
<h1>{escape(scenario.title)}: <span class="{word}">{escape(result.verdict)}</span></h1>
<p>{escape(scenario.story)}</p>
<p class="muted">Scenario {escape(scenario.name)}, seed {result.seed}. It stands for
{escape(scenario.stands_for.service)}: {escape(scenario.stands_for.figure)}.</p>
{_picture(history)}
<h2>What had to hold</h2>
{_checks(result)}
<h2>In figures</h2>
{_figures(result)}
<h2>What was done, and what the cluster saw</h2>
{_story(history)}
</body></html>
"""


def _picture(history: History) -> str:
    try:
        return plot(history, KINDS)
    except HistoryBroken as error:
        return f'<p class="fail">No picture: {escape(str(error))}.</p>'


def _checks(result: Result) -> str:
    rows = ""
    for name, check in result.checks.items():
        word = {True: "pass", False: "fail", None: "unknown"}[check.valid]
        colour = "pass" if check.valid else "fail"
        rows += (
            f'<tr><td>{escape(name)}</td><td class="{colour}">{word}</td>'
            f"<td>{escape(check.detail)}</td></tr>\n"
        )
    return f"<table><tr><th>check</th><th></th><th></th></tr>\n{rows}</table>"


def _figures(result: Result) -> str:
    figures: dict[str, object] = {
        "longest time without an order or a page, s": result.outage_s,
        "until the cluster had noticed, s": result.detect_s,
        "until the last trouble, s": result.recover_s,
        "orders acknowledged": result.acknowledged,
        "lost": result.lost,
        "twice": result.duplicated,
        "requests that failed": f"{result.failed_requests} of {result.requests}",
    }
    rows = "".join(
        f"<tr><td>{escape(name)}</td><td>{'-' if value is None else escape(str(value))}</td></tr>\n"
        for name, value in figures.items()
    )
    return f"<table>{rows}</table>"


def _story(history: History) -> str:
    try:
        begin, _ = history.load
    except HistoryBroken:
        begin = history.records[0].time if history.records else 0.0
    told = [r for r in history.records if r.kind in (FAULT, HEAL, SEEN) and r.time >= begin]
    rows = ""
    for record in told[:_SEEN_SHOWN]:
        kind = {FAULT: "fail", HEAL: "pass", SEEN: "muted"}[record.kind]
        what = f"{record.key} is {record.value}" if record.kind == SEEN else record.key
        rows += (
            f'<tr class="{kind}"><td>{record.time - begin:.1f} s</td><td>{record.kind}</td>'
            f"<td>{escape(what)}</td></tr>\n"
        )
    if len(told) > _SEEN_SHOWN:
        rows += f"<tr><td></td><td></td><td>and {len(told) - _SEEN_SHOWN} more</td></tr>"
    return f"<table>{rows}</table>"
