"""Callers that ask and ask, and never read an answer: over HTTP, and through a tunnel.

What they cost a balancer has a bound, and through a tunnel it lets them go by itself.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections import Counter
from collections.abc import Awaitable, Callable

_ON_HTTP, _IN_TUNNELS = 3, 3
_SMALL = b"GET /plain HTTP/1.1\r\nHost: shop\r\n\r\n"
_BIG = b"GET /big HTTP/1.1\r\nHost: shop\r\n\r\n"
_AT_ONCE = 200
_ASKS_SECONDS = 2.0
_TUNNEL_ASKS = 60
"""15 MiB of answers: no buffer on the way takes them."""
KEPT_SECONDS = 15.0
"""Several times the soak's `tunnel_idle`; who is there for longer is there for ever."""
_LOOK_SECONDS = 0.1
_BUFFER = 65_536
_Mute = Callable[[asyncio.Event], Awaitable[str]]
KEPT = "kept though it does not read"


class Mutes:
    """All of them, at a port for HTTP and one for tunnels."""

    def __init__(self, port: int, tunnels: int, outcomes: Counter[str]) -> None:
        self._port = port
        self._tunnels = tunnels
        self._outcomes = outcomes

    async def run(self, stop: asyncio.Event) -> None:
        """Until told to stop."""
        await asyncio.gather(
            *(self._again(self._pipeline, stop) for _ in range(_ON_HTTP)),
            *(self._again(self._tunnel, stop) for _ in range(_IN_TUNNELS)),
        )

    async def _again(self, one: _Mute, stop: asyncio.Event) -> None:
        while not stop.is_set():
            try:
                outcome = await one(stop)
            except OSError:
                outcome = "not read: cut off"
            self._outcomes[outcome] += 1
            await asyncio.sleep(_LOOK_SECONDS)

    async def _pipeline(self, stop: asyncio.Event) -> str:
        """Small ones and big ones, as many as are taken within a time."""
        with await _connected(self._port) as caller:
            until = time.monotonic() + _ASKS_SECONDS
            while time.monotonic() < until and not stop.is_set():
                try:
                    async with asyncio.timeout(_LOOK_SECONDS):
                        loop = asyncio.get_running_loop()
                        await loop.sock_sendall(caller, (_SMALL * 9 + _BIG) * _AT_ONCE)
                except TimeoutError:
                    continue
        return "not read: left"

    async def _tunnel(self, stop: asyncio.Event) -> str:
        """One batch, and then nothing, until the other side has had enough."""
        with await _connected(self._tunnels) as caller:
            await asyncio.get_running_loop().sock_sendall(caller, _BIG * _TUNNEL_ASKS)
            until = time.monotonic() + KEPT_SECONDS
            while not _gone(caller):
                if stop.is_set():
                    return "not read: left"
                if time.monotonic() > until:
                    return KEPT
                await asyncio.sleep(_LOOK_SECONDS)
        return "not read: let go"


async def _connected(port: int) -> socket.socket:
    caller = socket.socket()
    caller.setblocking(False)
    caller.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
    try:
        await asyncio.get_running_loop().sock_connect(caller, ("127.0.0.1", port))
    except BaseException:
        caller.close()
        raise
    return caller


def _gone(caller: socket.socket) -> bool:
    """Was it cut off? Seen without reading."""
    return caller.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) != 0
