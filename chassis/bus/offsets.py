"""Which offset of a partition may be committed while its records are handled out of order."""

from __future__ import annotations

import heapq


class OffsetTracker:
    """Everything below the lowest unfinished record is done; only that may be committed."""

    def __init__(self) -> None:
        self._begun: list[int] = []
        self._finished: set[int] = set()
        self._next: int | None = None

    def begin(self, offset: int) -> None:
        """A record is being handled. Offsets come in rising order."""
        heapq.heappush(self._begun, offset)

    def finish(self, offset: int) -> int | None:
        """A record is done. Returns the new offset to commit (next to read), or None."""
        self._finished.add(offset)
        moved = False
        while self._begun and self._begun[0] in self._finished:
            lowest = heapq.heappop(self._begun)
            self._finished.remove(lowest)
            self._next, moved = lowest + 1, True
        return self._next if moved else None

    @property
    def under_way(self) -> int:
        """Records begun and not finished, or finished behind one that is not."""
        return len(self._begun)
