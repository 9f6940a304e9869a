"""An address to accept on. Its sockets stay open while what is served on them changes."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable

_BACKLOG = 1_024
_GOODBYE_SECONDS = 2.0
"""For the end of a TLS connection to be agreed on."""
Factory = Callable[[], asyncio.Protocol]


class Door:
    """See the top of this file."""

    def __init__(self, host: str, port: int, *, shared: bool = False) -> None:
        """Opens it, so that callers queue from now on. `shared`: with other processes.

        Raises:
            OSError: the address cannot be had.
        """
        self._sockets: list[socket.socket] = []
        self._servers: list[asyncio.Server] = []
        self._factory: Factory | None = None
        self._context: ssl.SSLContext | None = None
        found = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE | socket.AI_NUMERICSERV
        )
        try:
            for family, kind, protocol, _, address in dict.fromkeys(found):
                self._sockets.append(_listening(family, kind, protocol, address, shared=shared))
        except OSError:
            self.close()
            raise

    async def serve(
        self, factory: Factory, context: ssl.SSLContext | None = None, handshake: float = 0.0
    ) -> None:
        """Who comes from now on meets this protocol; nobody is turned away meanwhile."""
        loop = asyncio.get_running_loop()
        new = [
            await loop.create_server(
                factory,
                sock=one.dup(),
                backlog=_BACKLOG,
                ssl=context,
                ssl_handshake_timeout=handshake if context else None,
                ssl_shutdown_timeout=_GOODBYE_SECONDS if context else None,
            )
            for one in self._sockets
        ]
        before, self._servers = self._servers, new
        self._factory, self._context = factory, context
        for server in before:
            server.close()

    def shut(self) -> None:
        """Takes nobody any more, but those who stand in the queue already."""
        for server in self._servers:
            server.close()
        self._servers = []
        loop = asyncio.get_running_loop()
        for one in self._sockets:
            for caller in _queued(one):
                loop.create_task(self._take(caller))  # noqa: RUF006 - it ends by itself, at once
        self.close()

    async def _take(self, caller: socket.socket) -> None:
        if self._factory is None:
            caller.close()
            return
        loop = asyncio.get_running_loop()
        try:
            await loop.connect_accepted_socket(self._factory, caller, ssl=self._context)
        except OSError:
            caller.close()

    def close(self) -> None:
        """Closes the sockets."""
        for one in self._sockets:
            one.close()
        self._sockets = []


def _listening(
    family: int, kind: int, protocol: int, address: tuple[object, ...], *, shared: bool
) -> socket.socket:
    made = socket.socket(family, kind, protocol)
    try:
        made.setblocking(False)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.bind(address)
        made.listen(_BACKLOG)
    except OSError:
        made.close()
        raise
    return made


def _queued(listening: socket.socket) -> list[socket.socket]:
    found: list[socket.socket] = []
    while True:
        try:
            caller, _ = listening.accept()
        except OSError:
            return found
        caller.setblocking(False)
        found.append(caller)
