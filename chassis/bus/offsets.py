"""Which offset of a partition may be committed while its records are handled out of order."""

from __future__ import annotations

from collections import deque


class OffsetTracker:
    """Everything below the lowest unfinished record is done; only that may be committed."""

    def __init__(self) -> None:
        self._begun: deque[int] = deque()
        self._finished: set[int] = set()
        self.newest = -1
        """The highest offset begun."""

    def begin(self, offset: int) -> None:
        """A record is being handled.

        Raises:
            ValueError: offsets come in rising order; this one does not.
        """
        if offset <= self.newest:
            raise ValueError(f"{offset} comes after {self.newest}")
        self.newest = offset
        self._begun.append(offset)

    def finish(self, offset: int) -> int | None:
        """A record is done. Returns the new offset to commit (next to read), or None."""
        self._finished.add(offset)
        done = None
        while self._begun and self._begun[0] in self._finished:
            done = self._begun.popleft()
            self._finished.remove(done)
        return None if done is None else done + 1

    @property
    def under_way(self) -> int:
        """Records begun and not finished, or finished behind one that is not."""
        return len(self._begun)
