"""Answers of every shape, by the path. Run as `python -m loadtests.bench.soak.backend PORT`.

/plain: with a length; /chunked: in chunks, over time; /big: 256 KiB; /error: 503; /break: cut off
in the middle; /close: framed by the end of the connection.
"""

from __future__ import annotations

import asyncio
import sys

import uvloop

_BIG = bytes(262_144)
_CHUNKS = 4
_GAP_SECONDS = 0.002


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while await _one(reader, writer):
            await writer.drain()
    except (OSError, asyncio.IncompleteReadError):
        pass  # the balancer gave up on a request, as its caller did
    finally:
        writer.close()


async def _one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    head = await reader.readuntil(b"\r\n\r\n")
    await _body(reader, head.lower())
    path = head.split(b" ", 2)[1].partition(b"?")[0]
    if path == b"/chunked":
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(_CHUNKS):
            writer.write(b"5\r\nhello\r\n")
            await asyncio.sleep(_GAP_SECONDS)
        writer.write(b"0\r\n\r\n")
    elif path == b"/big":
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(_BIG) + _BIG)
    elif path == b"/error":
        writer.write(b"HTTP/1.1 503 No\r\nContent-Length: 0\r\nRetry-After: 1\r\n\r\n")
    elif path == b"/break":
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
        return False
    elif path == b"/close":
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello")
        return False
    else:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
    return True


async def _body(reader: asyncio.StreamReader, head: bytes) -> None:
    if b"\r\ntransfer-encoding: chunked\r\n" in head:
        while size := int(await reader.readuntil(b"\r\n"), 16):
            await reader.readexactly(size + 2)
        await reader.readuntil(b"\r\n")
        return
    _, there, rest = head.partition(b"\r\ncontent-length:")
    if there:
        await reader.readexactly(int(rest.partition(b"\r\n")[0]))


async def _run(port: int) -> None:
    server = await asyncio.start_server(_serve, "127.0.0.1", port, limit=1 << 20)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_run(int(sys.argv[1])))
