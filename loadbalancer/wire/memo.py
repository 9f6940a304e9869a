"""Whole heads that were read and found good: the same bytes again are a look at a table.

Answers of the same second, health checks and clients that poll often have heads that repeat byte
for byte. Where heads do not repeat (there is an id in each), the memo notices and rests: then it
costs a subtraction a head.
"""

from __future__ import annotations

from typing import Final, Generic, TypeVar

T = TypeVar("T")

_HEADS: Final = 512
_HEAD_BYTES: Final = 1_024
_LOOKS: Final = 256
"""After so many it is weighed whether looking is worth it."""
_REST: Final = 8_192
"""Heads that are not looked up while it is not."""


class Memo(Generic[T]):
    """What was read from a head, by its bytes. Bounded; forgets all at once when it is full.

    What it gives out is shared: nobody may change it.
    """

    __slots__ = ("_found", "_known", "_looks", "_rest")

    def __init__(self) -> None:
        self._known: dict[bytes, T] = {}
        self._looks = 0
        self._found = 0
        self._rest = 0

    def get(self, raw: bytes) -> T | None:
        """What was kept for these bytes, if it was."""
        if self._rest:
            self._rest -= 1
            return None
        self._looks += 1
        known = self._known.get(raw)
        if known is not None:
            self._found += 1
        if self._looks == _LOOKS:
            self._weigh()
        return known

    def keep(self, raw: bytes, read: T) -> None:
        """Remembers it, unless it is big or nothing repeats."""
        if self._rest or len(raw) > _HEAD_BYTES:
            return
        if len(self._known) >= _HEADS:
            self._known.clear()
        self._known[raw] = read

    def _weigh(self) -> None:
        if self._found < self._looks // 2:
            self._rest = _REST
            self._known.clear()
        self._looks = self._found = 0
