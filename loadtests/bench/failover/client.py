"""An open-loop generator: requests come when they are due, however slow the answers are.

So that a hung backend shows as what it is for people: everybody who comes meanwhile waits too.
"""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import dataclass
from time import monotonic

PATIENCE_SECONDS = 10.0
"""After so long a caller gives up: in the results, `10 s or more`."""
KEPT_BYTES = 65_536
"""Of a body; this balancer's default, and beyond what nginx keeps in memory."""
_CONTINUE_SECONDS = 1.0
"""So long a caller waits to be told to go on, and then goes on (as curl does)."""
_MOST_OPEN = 4_000
_OK, _BAD = 200, 300


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of request."""

    name: str
    method: bytes
    keyed: bool = False
    body: bytes = b""
    expects: bool = False
    """Waits with its body until it is told to send it (RFC 9110, section 10.1.1)."""

    @property
    def repeatable(self) -> bool:
        """May it be done twice?"""
        return self.keyed or self.method in (b"GET", b"PUT")

    @property
    def kept(self) -> bool:
        """Is its body so small that a balancer keeps it for another try?"""
        return len(self.body) <= KEPT_BYTES

    def head(self, request_id: bytes) -> bytes:
        """All but its body."""
        key = b"Idempotency-Key: %b\r\n" % request_id if self.keyed else b""
        length = b"Content-Length: %d\r\n" % len(self.body) if self.body else b""
        expect = b"Expect: 100-continue\r\n" if self.expects else b""
        return b"%b /orders HTTP/1.1\r\nHost: shop\r\nX-Bench-Id: %b\r\n%b%b%b\r\n" % (
            self.method, request_id, key, length, expect,
        )  # fmt: skip


SAFE = Kind("get", b"GET")
IDEMPOTENT = Kind("put", b"PUT", body=b'{"seats":2}')
KEYED = Kind("keyed post", b"POST", keyed=True, body=b'{"seats":2}')
UNKEYED = Kind("post", b"POST", body=b'{"seats":2}')
EXPECTING = Kind("expecting", b"POST", keyed=True, body=b'{"seats":2}', expects=True)
LARGE = Kind("large", b"POST", keyed=True, body=bytes(4 * KEPT_BYTES))
KINDS = (SAFE, IDEMPOTENT, KEYED, UNKEYED, EXPECTING, LARGE)
MIX = (
    SAFE, KEYED, SAFE, UNKEYED, SAFE, IDEMPOTENT, SAFE, EXPECTING,
    SAFE, KEYED, SAFE, UNKEYED, SAFE, IDEMPOTENT, SAFE, LARGE,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Done:
    """What became of a request. Times in seconds; `began` counts from the load's start."""

    request_id: str
    kind: Kind
    began: float
    seconds: float
    status: int
    """0: no answer, or half of one."""

    @property
    def failed(self) -> bool:
        """It was not acknowledged."""
        return not _OK <= self.status < _BAD


class Load:
    """A steady one."""

    def __init__(self, port: int, rate: float, label: str) -> None:
        self._port = port
        self._rate = rate
        self._label = label
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self.done: list[Done] = []

    async def run(self, stop: asyncio.Event) -> list[Done]:
        """Until told to stop, and until all that was begun has ended."""
        zero = monotonic()
        for number in itertools.count():
            due = zero + number / self._rate
            if (wait := due - monotonic()) > 0:
                await asyncio.sleep(wait)
            if stop.is_set():
                break
            task = asyncio.create_task(self._one(number, due, zero))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            if len(self._tasks) > _MOST_OPEN:
                raise RuntimeError(f"{_MOST_OPEN} requests are open: the rate is too high for this")
        await asyncio.gather(*self._tasks)
        for _, writer in self._idle:
            writer.close()
        return self.done

    async def _one(self, number: int, due: float, zero: float) -> None:
        kind = MIX[number % len(MIX)]
        request_id = f"{self._label}-{number}"
        writer = None
        try:
            async with asyncio.timeout_at(asyncio.get_running_loop().time() + PATIENCE_SECONDS):
                reader, writer = await self._connection()
                status, keep = await _ask(reader, writer, kind, request_id.encode())
        except (
            OSError,
            TimeoutError,
            asyncio.IncompleteReadError,
            asyncio.LimitOverrunError,
            ValueError,
        ):
            status, keep = 0, False
        else:
            if keep:
                self._idle.append((reader, writer))
        if writer is not None and not keep:
            writer.close()
        self.done.append(Done(request_id, kind, due - zero, monotonic() - due, status))

    async def _connection(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        while self._idle:
            reader, writer = self._idle.pop()
            if not reader.at_eof() and not writer.is_closing():
                return reader, writer
            writer.close()
        return await asyncio.open_connection("127.0.0.1", self._port)


async def _ask(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, kind: Kind, request_id: bytes
) -> tuple[int, bool]:
    """The answer's status, and whether the connection stays."""
    head = kind.head(request_id)
    writer.write(head if kind.expects else head + kind.body)
    first = asyncio.ensure_future(reader.readuntil(b"\r\n\r\n"))
    try:
        if kind.expects:
            await asyncio.wait([first], timeout=_CONTINUE_SECONDS)
            if first.done() and not _interim(first.result()):
                status, _ = await _answer(reader, first.result())
                return status, False  # it wants no body, which was announced
            writer.write(kind.body)
        answer = await first
    finally:
        first.cancel()
    while _interim(answer):
        answer = await reader.readuntil(b"\r\n\r\n")
    return await _answer(reader, answer)


def _interim(head: bytes) -> bool:
    return head.startswith(b"HTTP/1.1 1")


async def _answer(reader: asyncio.StreamReader, head: bytes) -> tuple[int, bool]:
    """Its status, and whether the connection stays; reads its body."""
    head = head.lower()
    if b"\r\ntransfer-encoding: chunked\r\n" in head:
        while size := int((await reader.readuntil(b"\r\n")).strip(), 16):
            await reader.readexactly(size + 2)
        await reader.readexactly(2)
    else:
        _, there, rest = head.partition(b"\r\ncontent-length:")
        if not there:
            await reader.read()
            return int(head[9:12]), False
        await reader.readexactly(int(rest.partition(b"\r\n")[0]))
    return int(head[9:12]), b"\r\nconnection: close\r\n" not in head
