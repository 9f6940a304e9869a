"""The run as a picture: throughput, errors and latency by the second, faults marked. Plain SVG."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from html import escape

from gamedays.checkers.acknowledged import ORDER
from gamedays.checkers.recovery import last_trouble
from gamedays.history import FAULT, HEAL, HEALING, PHASE, History, Operation
from gamedays.judging import PROBE

_WIDTH, _LEFT, _RIGHT = 960, 60, 20
_PANEL, _GAP, _TOP = 130, 46, 40
_INK, _GRID = "#0f172a", "#e2e8f0"
_COLOURS = ("#2563eb", "#d97706", "#059669")
_FAULT, _HEAL = "#dc2626", "#16a34a"
_MARK_CHARACTERS, _CHARACTER, _ROW = 34, 6, 14
"""A mark's text: characters at most, how wide one is at most, and how high a row of them."""
_MANY = 24
_PERCENTILE = 0.99

HEALED, RECOVERED = "healed", "recovered"


@dataclass(frozen=True, slots=True)
class Second:
    """One second of one kind of operation, counted where it began. Latency in seconds."""

    done: int = 0
    failed: int = 0
    p99: float | None = None


@dataclass(frozen=True, slots=True)
class Mark:
    """A fault, or what mends it, in seconds since the load began."""

    at: float
    text: str
    heal: bool


def seconds(operations: Sequence[Operation], begin: float, end: float) -> list[Second]:
    """What happened in each second from `begin` to `end`."""
    bins: list[list[Operation]] = [[] for _ in range(max(1, math.ceil(end - begin)))]
    for operation in operations:
        at = int(operation.begin - begin)
        if 0 <= at < len(bins):
            bins[at].append(operation)
    return [_second(bin_) for bin_ in bins]


def _second(operations: Sequence[Operation]) -> Second:
    took = sorted(o.seconds for o in operations if o.ok)
    p99 = took[min(len(took) - 1, int(len(took) * _PERCENTILE))] if took else None
    return Second(len(took), len(operations) - len(took), p99)


def marks(history: History) -> list[Mark]:
    """The faults, when healing began and had ended, and when the last trouble was over."""
    begin, _ = history.load
    found = [Mark(r.time - begin, r.key, heal=False) for r in history.marks(FAULT)]
    found += [Mark(r.time - begin, HEALED, heal=True) for r in history.marks(HEAL)]
    healings = (r for r in history.marks(PHASE) if r.key == HEALING)
    found += [Mark(r.time - begin, HEALING, heal=True) for r in healings]
    recovered = last_trouble(history, (PROBE, ORDER))
    if recovered is not None:
        found.append(Mark(recovered - begin, RECOVERED, heal=True))
    return sorted(found, key=lambda m: m.at)


def few(found: list[Mark]) -> list[Mark]:
    """Of many marks the healings are one line each, and silent: the table below has them all."""
    if len(found) <= _MANY:
        return found
    return [
        replace(mark, text="") if mark.text == HEALED else mark
        for mark in found
        if mark.text != HEALING
    ]


def plot(history: History, kinds: Sequence[str]) -> str:
    """Three panels over one time axis, a line for each kind."""
    begin, end = history.load
    by_kind = {
        kind: seconds([o for o in history.under_load if o.kind == kind], begin, end)
        for kind in kinds
    }
    length = max(len(bins) for bins in by_kind.values())
    panels: list[tuple[str, Callable[[Second], float | None]]] = [
        ("done, a second", lambda s: s.done),
        ("failed or unknown, a second", lambda s: s.failed),
        ("99th percentile of what was done, ms", lambda s: None if s.p99 is None else s.p99 * 1000),
    ]
    told = [_label(mark, length) for mark in few(marks(history))]
    rows = rows_of([label.span for label in told])
    top = _TOP + (max(rows, default=0) + 1) * _ROW
    height = top + len(panels) * (_PANEL + _GAP)
    placed = list(zip(told, rows, strict=True))
    parts = [_legend(kinds), *(_mark(label, row, height - _GAP) for label, row in placed)]
    for i, (title, value) in enumerate(panels):
        lines = [[value(second) for second in bins] for bins in by_kind.values()]
        parts.append(_panel(title, lines, top + i * (_PANEL + _GAP), length))
    parts += [_words(label, row) for label, row in placed]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="100%"'
        f' font-family="sans-serif" font-size="11" fill="{_INK}">\n' + "\n".join(parts) + "\n</svg>"
    )


def _x(at: float, length: int) -> float:
    return _LEFT + at / length * (_WIDTH - _LEFT - _RIGHT)


def _legend(kinds: Sequence[str]) -> str:
    parts = []
    for i, kind in enumerate(kinds):
        x = _LEFT + i * 110
        parts.append(f'<rect x="{x}" y="8" width="12" height="12" fill="{_COLOURS[i % 3]}"/>')
        parts.append(f'<text x="{x + 18}" y="18">{escape(kind)}</text>')
    return "".join(parts)


def _panel(title: str, lines: Sequence[Sequence[float | None]], top: int, length: int) -> str:
    most = max((v for line in lines for v in line if v is not None), default=0) or 1
    scale = _PANEL / most
    base = top + _PANEL
    parts = [f'<text x="{_LEFT}" y="{top - 6}" font-weight="bold">{escape(title)}</text>']
    for share in (0, 0.5, 1):
        y = base - share * _PANEL
        parts.append(
            f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y}" y2="{y}" stroke="{_GRID}"/>'
            f'<text x="{_LEFT - 6}" y="{y + 4}" text-anchor="end">{most * share:.4g}</text>'
        )
    for at in range(0, length + 1, _tick(length)):
        x = _x(at, length)
        parts.append(f'<text x="{x:.1f}" y="{base + 14}" text-anchor="middle">{at} s</text>')
    # The first lies on top, and is the thinnest: where they are one, all are seen.
    parts += [
        f'<path d="{_path(line, scale, base, length)}" fill="none" stroke="{_COLOURS[i % 3]}"'
        f' stroke-width="{1.5 + i * 0.75}"/>'
        for i, line in reversed(list(enumerate(lines)))
    ]
    return "\n".join(parts)


def _tick(length: int) -> int:
    return next((step for step in (5, 10, 20, 30, 60, 120) if length / step <= 15), 300)  # noqa: PLR2004


def _path(line: Sequence[float | None], scale: float, base: int, length: int) -> str:
    """A line that is broken where there is no value: no latency without an answer."""
    parts: list[str] = []
    pen_down = False
    for at, value in enumerate(line):
        if value is None:
            pen_down = False
            continue
        x = _x(at + 0.5, length)
        parts.append(f"{'L' if pen_down else 'M'}{x:.1f} {base - value * scale:.1f}")
        if not pen_down:
            parts.append("h0.1")  # a lone second is a dot
        pen_down = True
    return " ".join(parts)


@dataclass(frozen=True, slots=True)
class _Label:
    """A mark on the axis; its text lies to the right of it, or at the picture's end to the left."""

    x: float
    text: str
    colour: str

    @property
    def anchor(self) -> str:
        return "end" if self.x > _WIDTH * 0.75 else "start"

    @property
    def span(self) -> tuple[float, float]:
        """From where to where its text goes."""
        width = len(self.text) * _CHARACTER + 8
        return (self.x - width, self.x) if self.anchor == "end" else (self.x, self.x + width)


def _label(mark: Mark, length: int) -> _Label:
    text = mark.text
    if len(text) > _MARK_CHARACTERS:
        text = text[: _MARK_CHARACTERS - 1] + "…"
    x = min(_x(max(mark.at, 0), length), _WIDTH - _RIGHT)
    return _Label(x, text, _HEAL if mark.heal else _FAULT)


def rows_of(spans: Sequence[tuple[float, float]]) -> list[int]:
    """For each text the first row in which it lies on no other."""
    rows: list[list[tuple[float, float]]] = []
    found = []
    for left, right in spans:
        free = (
            at
            for at, row in enumerate(rows)
            if all(right <= begin or end <= left for begin, end in row)
        )
        at = next(free, len(rows))
        if at == len(rows):
            rows.append([])
        rows[at].append((left, right))
        found.append(at)
    return found


def _mark(label: _Label, row: int, bottom: int) -> str:
    """Its line, below all else."""
    return (
        f'<line x1="{label.x:.1f}" x2="{label.x:.1f}" y1="{_TOP + row * _ROW - 8}" y2="{bottom}"'
        f' stroke="{label.colour}" stroke-opacity="0.6" stroke-dasharray="4 3"/>'
    )


def _words(label: _Label, row: int) -> str:
    """Its text, above all else and white around, so that it is read across other marks' lines."""
    x = label.x + (-4 if label.anchor == "end" else 4)
    return (
        f'<text x="{x:.1f}" y="{_TOP + row * _ROW}" fill="{label.colour}" stroke="#fff"'
        f' stroke-width="3" paint-order="stroke" text-anchor="{label.anchor}">'
        f"{escape(label.text)}</text>"
    )
