"""A worker's line to its parent: JSON objects, one a line."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Callable
from typing import Any

_MOST_LINE = 64 * 1_048_576
_MOST_UNSENT = 16 * 1_048_576
Message = dict[str, Any]


class Mate:
    """See the top of this file. `number` is the worker's place in the crew, from 1."""

    def __init__(self, number: int, line: socket.socket) -> None:
        self.number = number
        self._line = line
        self._writer: asyncio.StreamWriter | None = None

    async def listen(self, hear: Callable[[Message], None]) -> None:
        """Until the parent has gone."""
        reader, writer = await asyncio.open_unix_connection(sock=self._line, limit=_MOST_LINE)
        self._writer = writer
        try:
            while line := await reader.readline():
                hear(json.loads(line))
        except OSError:
            pass
        finally:
            self._writer = None
            writer.close()

    def send(self, to: str, kind: str, **fields: object) -> None:
        """Says something to `parent`, to the `leader`, or to all `others`.

        If the parent does not read, it is lost: what matters is said again.
        """
        writer = self._writer
        if (
            writer is None
            or writer.is_closing()
            or writer.transport.get_write_buffer_size() > _MOST_UNSENT
        ):
            return
        writer.write(json.dumps({"to": to, "kind": kind, **fields}).encode() + b"\n")
