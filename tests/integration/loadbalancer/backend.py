"""A little backend whose behaviour is in the path. Run as `backend.py PORT NAME`.

/echo what was asked · /sleep/S answers late · /die breaks off unanswered · /half and
/torn break off in the answer · /status/N · /stream/N pieces of 64 KiB · /raw/HEX those bytes
/counts what was asked for · /only/NAME an error from NAME.
SIGUSR1: not ready, draining. SIGUSR2: ready again. SIGHUP: answers 500 from now on. SIGTERM: gone.
"""

import asyncio
import json
import signal
import socket
import struct
import sys
from collections import Counter

COUNTS: Counter[str] = Counter()
READY = [True]
ERRS = [False]
PIECE = b"z" * 65_536


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, name: str) -> None:
    try:
        while await one(reader, writer, name):
            await writer.drain()
    except (OSError, asyncio.IncompleteReadError):
        pass
    writer.close()


async def body_of(reader: asyncio.StreamReader, fields: dict[str, str]) -> bytes:
    if "transfer-encoding" not in fields:
        return await reader.readexactly(int(fields.get("content-length", "0")))
    body = b""
    while size := int((await reader.readline()).split(b";")[0], 16):
        body += (await reader.readexactly(size + 2))[:-2]
    while await reader.readline() != b"\r\n":
        pass
    return body


async def one(  # noqa: C901, PLR0911, PLR0912 - a table
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, name: str
) -> bool:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    start, *lines = head.split("\r\n")[:-2]
    method, target, _ = start.split(" ")
    fields = {k.lower(): v for k, v in (line.split(": ", 1) for line in lines)}
    if fields.get("expect"):
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    if target == "/refuse":  # an answer before the body has come
        answer(writer, name, b"no", status=413)
        return True
    body = await body_of(reader, fields)
    COUNTS[f"{method} {target}"] += 1
    _, verb, *rest = target.partition("?")[0].split("/")
    if ERRS[0] and verb != "readyz":
        answer(writer, name, b"oh", status=500)
        return True
    match verb:
        case "readyz":
            ready = READY[0]
            answer(writer, name, b"ready" if ready else b"draining", status=200 if ready else 503)
        case "echo":
            said = {
                "method": method,
                "target": target,
                "head": head,
                "body": body.decode("latin-1"),
            }
            answer(writer, name, json.dumps(said).encode())
        case "sleep":
            await asyncio.sleep(float(rest[0]))
            answer(writer, name, b"late")
        case "die":
            writer.transport.abort()
            return False
        case "half":
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
            await writer.drain()
            return False
        case "torn":
            await tear(writer)
            return False
        case "status":
            answer(writer, name, b"as you wish", status=int(rest[0]))
        case "stream":
            writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            for _ in range(int(rest[0])):
                writer.write(b"%x\r\n%b\r\n" % (len(PIECE), PIECE))
                await writer.drain()
            writer.write(b"0\r\n\r\n")
        case "raw":
            writer.write(bytes.fromhex(rest[0]))
            await writer.drain()
            return False
        case "upgrade":
            writer.write(b"HTTP/1.1 101 Switching Protocols\r\n"
                         b"Connection: Upgrade\r\nUpgrade: shout\r\n\r\n")  # fmt: skip
            while data := await reader.read(100):
                writer.write(data.upper())
            return False
        case "only":  # errors, but from this one only
            answer(writer, name, b"no", status=500 if name.endswith(rest[0]) else 200)
        case "counts":
            answer(writer, name, json.dumps(COUNTS).encode())
        case _:
            answer(writer, name, name.encode())
    return True


async def tear(writer: asyncio.StreamWriter) -> None:
    """A reset in an answer that only the end of its connection ends."""
    writer.write(b"HTTP/1.1 200 OK\r\n\r\nhalf")
    await writer.drain()
    await asyncio.sleep(0.05)
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def answer(writer: asyncio.StreamWriter, name: str, body: bytes, *, status: int = 200) -> None:
    writer.write(
        b"HTTP/1.1 %d X\r\nX-Served-By: %b\r\nContent-Length: %d\r\n\r\n%b"
        % (status, name.encode(), len(body), body)
    )


async def main() -> None:
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGUSR1, lambda: READY.__setitem__(0, False))
    loop.add_signal_handler(signal.SIGHUP, lambda: ERRS.__setitem__(0, True))
    loop.add_signal_handler(signal.SIGUSR2, lambda: READY.__setitem__(0, True))
    port, name = int(sys.argv[1]), sys.argv[2]
    server = await asyncio.start_server(lambda r, w: serve(r, w, name), "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
