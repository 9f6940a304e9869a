"""What the kernel says that processes used: the time on a core, memory, open files."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

PROC = Path("/proc")
_PAGE_KIB = 4
_TICKS_A_SECOND = 100
_GONE = (FileNotFoundError, ProcessLookupError)
"""A process may end while one looks at it."""


def family(pid: int, proc: Path = PROC) -> set[int]:
    """A process and everything that it started, directly or not."""
    children: dict[int, list[int]] = {}
    for entry in proc.iterdir():
        if entry.name.isdigit() and (parent := _parent(entry)) is not None:
            children.setdefault(parent, []).append(int(entry.name))
    found, look = set(), [pid]
    while look:
        one = look.pop()
        found.add(one)
        look += children.get(one, [])
    return found


def cpu_seconds(pid: int, proc: Path = PROC) -> float:
    """Time on a core, user and system, of a process and all that it started.

    From schedstat, which counts nanoseconds; the ticks of /proc/PID/stat are 10 ms long.
    """
    return sum(_task_nanoseconds(_tasks(proc / str(one))) for one in family(pid, proc)) / 1e9


def core_seconds(core: int, proc: Path = PROC) -> float:
    """Time that a core was busy since the start of the system, with whatever.

    Raises:
        ValueError: there is no such core.
    """
    for line in (proc / "stat").read_text().splitlines():
        name, *ticks = line.split()
        if name == f"cpu{core}":
            user, nice, system, _idle, _waiting, irq, softirq, steal = map(int, ticks[:8])
            return (user + nice + system + irq + softirq + steal) / _TICKS_A_SECOND
    raise ValueError(f"/proc/stat has no cpu{core}")


def rss_kib(pid: int, proc: Path = PROC) -> int:
    """Resident memory of a process, without its children."""
    return int((proc / str(pid) / "statm").read_text().split()[1]) * _PAGE_KIB


def open_files(pid: int, proc: Path = PROC) -> int:
    """File descriptors of a process."""
    return len(list((proc / str(pid) / "fd").iterdir()))


def _parent(process: Path) -> int | None:
    """The second field after the name, which stands in brackets and may contain anything."""
    try:
        return int((process / "stat").read_text().rpartition(")")[2].split()[1])
    except _GONE:
        return None


def _tasks(process: Path) -> list[Path]:
    try:
        return list((process / "task").iterdir())
    except _GONE:
        return []


def _task_nanoseconds(tasks: Iterable[Path]) -> int:
    total = 0
    for task in tasks:
        try:
            total += int((task / "schedstat").read_text().split()[0])
        except _GONE:
            continue
    return total
