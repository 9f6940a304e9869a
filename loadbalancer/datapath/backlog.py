"""What a caller sent ahead of its turn: requests that wait for the answers to those before them."""

from __future__ import annotations

from collections import deque
from typing import Final

_PIECE: Final = 16_384
"""Each request that is cut off copies what is left of its piece, not of everything that waits."""


class Backlog:
    """Bytes in their order, in pieces. `size` of them wait."""

    __slots__ = ("_pieces", "size")

    def __init__(self) -> None:
        self._pieces: deque[bytes] = deque()
        self.size = 0

    def add(self, data: bytes) -> None:
        """More came."""
        self.size += len(data)
        if len(data) <= _PIECE:
            self._pieces.append(data)
        else:
            self._pieces.extend(data[at : at + _PIECE] for at in range(0, len(data), _PIECE))

    def put_back(self, data: bytes) -> None:
        """Of what was taken last this is left."""
        if data:
            self.size += len(data)
            self._pieces.appendleft(data)

    def take(self) -> bytes:
        """The next piece; empty if nothing waits."""
        if not self._pieces:
            return b""
        data = self._pieces.popleft()
        self.size -= len(data)
        return data

    def take_all(self) -> bytes:
        """All that waits."""
        data = b"".join(self._pieces)
        self.clear()
        return data

    def clear(self) -> None:
        """Nobody will ask for it."""
        self._pieces.clear()
        self.size = 0


NOTHING: Final = Backlog()
"""Of all who sent nothing ahead: to be asked, and not to be added to."""
