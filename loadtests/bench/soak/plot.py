"""A soak as a picture: each measure over time, the time of warming up in grey."""

from __future__ import annotations

from collections.abc import Sequence

from loadtests.bench.soak.verdict import MAY_GROW, WARM_SHARE, Sample, Verdict

_WIDTH, _HEIGHT, _LEFT, _TOP, _PANEL = 760, 110, 90, 24, 150
_SHOWN = {"rss": 1 / 1_048_576}
_UNITS = {"rss": "memory (RSS), MiB", "fds": "open files", "tasks": "tasks", "objects": "objects"}


def plot(samples: Sequence[Sample], verdict: Verdict) -> str:
    """An SVG file."""
    panels = [_panel(samples, verdict, name, at) for at, name in enumerate(MAY_GROW)]
    height = _PANEL * len(panels) + _TOP
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" '
        f'font-family="sans-serif" font-size="12">\n'
        f'<rect width="{_WIDTH}" height="{height}" fill="white"/>\n'
        + "\n".join(panels)
        + "</svg>\n"
    )


def _panel(samples: Sequence[Sample], verdict: Verdict, name: str, number: int) -> str:
    values = [getattr(sample, name) * _SHOWN.get(name, 1) for sample in samples]
    most, wide, top = max(*values, 1e-9) * 1.1, _WIDTH - _LEFT - 20, number * _PANEL + _TOP
    first, lasted = samples[0].at, max(1e-9, samples[-1].at - samples[0].at)
    points = " ".join(
        f"{_LEFT + (s.at - first) / lasted * wide:.1f},{top + _HEIGHT * (1 - value / most):.1f}"
        for s, value in zip(samples, values, strict=True)
    )
    growth = next(growth for growth in verdict.growths if growth.name == name)
    colour = "#2563eb" if growth.flat else "#dc2626"
    return (
        f'<text x="{_LEFT}" y="{top - 6}" font-weight="bold">{_UNITS[name]}</text>'
        f'<rect x="{_LEFT}" y="{top}" width="{wide * WARM_SHARE:.0f}" height="{_HEIGHT}" '
        f'fill="#f1f5f9"/>'
        f'<text x="{_LEFT - 8}" y="{top + 10}" text-anchor="end">{most:,.0f}</text>'
        f'<text x="{_LEFT - 8}" y="{top + _HEIGHT}" text-anchor="end">0</text>'
        f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.5"/>'
    )
