"""Accepting where something comes before the first byte of a caller: a PROXY header, TLS, or both.

The header is read from the socket itself and not a byte too much, so that TLS or HTTP can follow
untouched. Only so many may be at it at once; beyond, they wait in the kernel's queue.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
import ssl
from collections.abc import Callable
from typing import Any

from loadbalancer.wire.proxy import Address, ProxyReader
from loadbalancer.wire.reject import Reject

_AT_ONCE = 64
"""Connections that are accepted before others have their turn."""
_PAUSE = 0.1
"""Seconds, when no more files can be opened."""
Announced = tuple[Address, Address] | None
Make = Callable[[Announced], asyncio.Protocol]


class Greeter:
    """Stands where an `asyncio.Server` would."""

    def __init__(
        self,
        listening: socket.socket,
        make: Make,
        *,
        networks: tuple[str, ...],
        seconds: float,
        most: int,
        options: dict[str, Any],
    ) -> None:
        """For a listening socket.

        Args:
            listening: the socket; it is closed at the end.
            make: a protocol for a connection, and for who announced itself.
            networks: whose connections begin with a PROXY header.
            seconds: for the header.
            most: connections at once that are not let in yet.
            options: of `connect_accepted_socket`.
        """
        self._listening = listening
        self._make = make
        self._networks = [ipaddress.ip_network(network) for network in networks]
        self._seconds = seconds
        self._most = most
        self._options = options
        self._greeting: set[asyncio.Task[None]] = set()
        self._full = False
        self._loop = asyncio.get_running_loop()
        self._resume()

    def close(self) -> None:
        """Accepts no more; who has been accepted is still let in."""
        if self._listening.fileno() >= 0:
            self._loop.remove_reader(self._listening)
            self._listening.close()

    def _resume(self) -> None:
        self._full = False
        if self._listening.fileno() >= 0:
            self._loop.add_reader(self._listening, self._accept)

    def _accept(self) -> None:
        """Somebody is in the queue."""
        for _ in range(_AT_ONCE):
            if len(self._greeting) >= self._most:
                self._full = True
                self._loop.remove_reader(self._listening)
                return
            try:
                caller, address = self._listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError:  # no more files can be opened
                self._loop.remove_reader(self._listening)
                self._loop.call_later(_PAUSE, self._resume)
                return
            task = self._loop.create_task(self.greet(caller, address))
            self._greeting.add(task)
            task.add_done_callback(self._greeted)

    def _greeted(self, task: asyncio.Task[None]) -> None:
        self._greeting.discard(task)
        if self._full:
            self._resume()

    async def greet(self, caller: socket.socket, address: tuple[Any, ...]) -> None:
        """Lets the connection in, if it says properly who it is or need not say it."""
        caller.setblocking(False)
        try:
            async with asyncio.timeout(self._seconds):
                announced = await self._announced(caller) if self._must_tell(address) else None
        except (OSError, TimeoutError, EOFError, Reject):
            caller.close()
            return
        with contextlib.suppress(OSError, ssl.SSLError):
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: self._make(announced), caller, **self._options
            )

    def _must_tell(self, address: tuple[Any, ...]) -> bool:
        peer = ipaddress.ip_address(str(address[0]).partition("%")[0])
        mapped = getattr(peer, "ipv4_mapped", None)
        return any((mapped or peer) in network for network in self._networks)

    async def _announced(self, caller: socket.socket) -> Announced:
        loop, reader = asyncio.get_running_loop(), ProxyReader()
        while reader.wanted:
            data = await loop.sock_recv(caller, reader.wanted)
            if not data:
                raise EOFError
            reader.feed(data)
        if reader.source is None or reader.destination is None:
            return None
        return reader.source, reader.destination
