"""How busy the machine was: a gap that was measured beside other people's work says little."""

from __future__ import annotations

from pathlib import Path

_STAT = Path("/proc/stat")
_IDLE, _WAITING = 3, 4


def processor() -> tuple[int, int] | None:
    """Ticks since the start, idle and in all; None where the system does not tell."""
    try:
        return read(_STAT.read_text(encoding="ascii"))
    except OSError:
        return None


def read(stat: str) -> tuple[int, int]:
    """The same from the text of /proc/stat. Waiting for a disk is idle here."""
    ticks = [int(word) for word in stat.split("\n", 1)[0].split()[1:9]]
    return ticks[_IDLE] + ticks[_WAITING], sum(ticks)


def busy(before: tuple[int, int] | None, after: tuple[int, int] | None) -> float | None:
    """The share of all processors that was used in between, from 0 to 1."""
    if before is None or after is None or after[1] <= before[1]:
        return None
    return 1 - (after[0] - before[0]) / (after[1] - before[1])
