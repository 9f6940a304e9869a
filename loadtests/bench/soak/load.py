"""Callers of every sort, for as long as it takes: polite ones, those who leave, those who err.

And those who never read: see mute.py.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter

from loadtests.bench.soak.mute import Mutes

_WORKERS = 24
_MOST_ON_A_CONNECTION = 20
_PAUSE_SECONDS = 0.01
_PATIENCE_SECONDS = 10.0
_HOST = b"Host: shop\r\n"
_UPLOAD = bytes(8_192)


class Load:
    """All callers."""

    def __init__(self, port: int, tunnels: int, chance: random.Random) -> None:
        """`tunnels`: where connections are passed on as they are."""
        self._port = port
        self._chance = chance
        self._count = 0
        self.outcomes: Counter[str] = Counter()
        """By status, or how else it ended."""
        self._mutes = Mutes(port, tunnels, self.outcomes)

    @property
    def requests(self) -> int:
        """That were begun."""
        return self._count

    async def run(self, stop: asyncio.Event) -> None:
        """Until told to stop."""
        workers = (self._worker(stop) for _ in range(_WORKERS))
        await asyncio.gather(self._mutes.run(stop), *workers)

    async def _worker(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            try:
                async with asyncio.timeout(_PATIENCE_SECONDS):
                    await self._connection()
            except (OSError, asyncio.IncompleteReadError):
                self.outcomes["broken"] += 1
            except TimeoutError:
                self.outcomes["too late"] += 1
            await asyncio.sleep(self._chance.random() * _PAUSE_SECONDS)

    async def _connection(self) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            for _ in range(self._chance.randint(1, _MOST_ON_A_CONNECTION)):
                if not await self._request(reader, writer):
                    return
                await asyncio.sleep(self._chance.random() * _PAUSE_SECONDS)
        finally:
            writer.close()

    async def _request(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Gives whether the connection is of further use."""
        self._count += 1
        unique = b"X-Caller: %d\r\nCookie: c=%d\r\n" % (self._count, self._count)
        kind = self._chance.choices(_KINDS, _WEIGHTS)[0]
        writer.write(self._bytes(kind, unique))
        if kind in ("leave at once", "leave in an upload"):
            self.outcomes[kind] += 1
            return False
        if kind == "leave in the middle":
            await reader.read(1)
            self.outcomes[kind] += 1
            return False
        status, keep = await _answer(reader)
        self.outcomes[str(status)] += 1
        return keep

    def _bytes(self, kind: str, unique: bytes) -> bytes:
        number, fields = self._count, _HOST + unique
        if kind == "upload":
            head = b"POST /plain HTTP/1.1\r\n%bContent-Length: %d\r\n\r\n"
            return head % (fields, len(_UPLOAD)) + _UPLOAD
        if kind == "chunked upload":
            head = b"POST /plain HTTP/1.1\r\n%bTransfer-Encoding: chunked\r\n\r\n" % fields
            return head + b"%x\r\n%b\r\n" % (len(_UPLOAD), _UPLOAD) * 2 + b"0\r\n\r\n"
        if kind == "leave in an upload":
            return b"POST /plain HTTP/1.1\r\n%bContent-Length: 100000\r\n\r\nhalf" % fields
        if kind == "nonsense":
            return b"GET / HTTP/1.1\r\n%b broken: line\r\n\r\n" % fields
        path = {"leave at once": b"/chunked", "leave in the middle": b"/big"}.get(
            kind, kind.encode()
        )
        return b"GET %b?%d HTTP/1.1\r\n%b\r\n" % (path, number, fields)


_MIX = {
    "/plain": 40, "/chunked": 12, "/big": 4, "/error": 2, "/break": 1, "/close": 3, "upload": 10,
    "chunked upload": 10, "leave at once": 3, "leave in the middle": 3, "leave in an upload": 2,
    "nonsense": 2,
}  # fmt: skip
_KINDS, _WEIGHTS = list(_MIX), list(_MIX.values())


async def _answer(reader: asyncio.StreamReader) -> tuple[int, bool]:
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    status = int(head[9:12])
    if b"\r\ntransfer-encoding: chunked\r\n" in head:
        while size := int(await reader.readuntil(b"\r\n"), 16):
            await reader.readexactly(size + 2)
        await reader.readuntil(b"\r\n")
    else:
        length = head.partition(b"\r\ncontent-length:")[2].partition(b"\r\n")[0]
        await reader.readexactly(int(length))
    return status, b"\r\nconnection: close\r\n" not in head
