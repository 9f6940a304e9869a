"""The measurements as a picture: one panel a scenario, a bar a peer, a line from least to most."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from loadtests.bench.kept import Row
from loadtests.bench.peers import OURS
from loadtests.bench.table import title

_WIDTH, _LABELS, _BARS = 760, 150, 470
_BAR, _GAP, _TITLE, _MARGIN = 16, 6, 34, 16
_OURS, _OTHERS, _INK = "#2563eb", "#94a3b8", "#0f172a"


def plot(rows: Sequence[Row]) -> str:
    """An SVG file. `rows` as in latest.json."""
    parts: list[str] = []
    top = _MARGIN
    for name in dict.fromkeys(row["scenario"] for row in rows):
        own = [row for row in rows if row["scenario"] == name]
        parts.append(_panel(own, top))
        top += _TITLE + len(own) * (_BAR + _GAP) + _MARGIN
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{top}" '
        f'font-family="sans-serif" font-size="12" fill="{_INK}">\n'
        f'<rect width="{_WIDTH}" height="{top}" fill="white"/>\n' + "\n".join(parts) + "\n</svg>\n"
    )


def _panel(rows: Sequence[Row], top: int) -> str:
    most = max(row["rps"]["max"] for row in rows)
    said = escape(f"{title(rows[0]['scenario'])}: requests/s, one core")
    parts = [f'<text x="{_MARGIN}" y="{top + 16}" font-weight="bold">{said}</text>']
    for at, row in enumerate(rows):
        parts.append(_bar(row, _BARS / most, top + _TITLE + at * (_BAR + _GAP)))
    return "\n".join(parts)


def _bar(row: Row, scale: float, y: int) -> str:
    rps, peer = row["rps"], row["peer"]
    colour = _OURS if peer.startswith(OURS) else _OTHERS
    least, most, middle = _LABELS + rps["min"] * scale, _LABELS + rps["max"] * scale, y + _BAR / 2
    return (
        f'<text x="{_LABELS - 8}" y="{y + 12}" text-anchor="end">{escape(peer)}</text>'
        f'<rect x="{_LABELS}" y="{y}" width="{rps["median"] * scale:.1f}" height="{_BAR}" '
        f'fill="{colour}"/>'
        f'<line x1="{least:.1f}" x2="{most:.1f}" y1="{middle}" y2="{middle}" stroke="{_INK}"/>'
        f'<text x="{most + 8:.1f}" y="{y + 12}">{rps["median"]:,.0f}</text>'
    )
