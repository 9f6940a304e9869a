"""An address to accept on. Its sockets stay open while what is served on them changes."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from loadbalancer.config.texts import joined
from loadbalancer.listeners.greeting import Announced, Greeter

_BACKLOG = 1_024
_GOODBYE_SECONDS = 2.0
"""For the end of a TLS connection to be agreed on."""


class NotToBeHad(Exception):
    """Nobody can listen at this address, or somebody does."""

    def __init__(self, address: tuple[str, int], error: Exception) -> None:
        super().__init__(f"{joined(*address)}: {getattr(error, 'strerror', '') or error}")
        self.address = address


@dataclass(frozen=True, slots=True)
class Service:
    """What a door leads to.

    Attributes:
        make: a protocol for a new connection, and for who it is, if that was announced.
        context: for TLS.
        handshake: seconds that it may take.
        announcing: networks whose connections begin with a PROXY header.
        patience: seconds for it.
        most: connections at once that are busy with either.
    """

    make: Callable[[Announced], asyncio.Protocol]
    context: ssl.SSLContext | None = None
    handshake: float = 0.0
    announcing: tuple[str, ...] = ()
    patience: float = 0.0
    most: int = 1_000

    def fresh(self) -> asyncio.Protocol:
        """For a connection that was not announced."""
        return self.make(None)

    def options(self) -> dict[str, Any]:
        """As the event loop wants them."""
        if self.context is None:
            return {}
        return {
            "ssl": self.context,
            "ssl_handshake_timeout": self.handshake,
            "ssl_shutdown_timeout": _GOODBYE_SECONDS,
        }


class Door:
    """See the top of this file."""

    def __init__(self, host: str, port: int, *, shared: bool = False) -> None:
        """Opens it, so that callers queue from now on. `shared`: with other processes.

        Raises:
            NotToBeHad: the address.
        """
        self._sockets: list[socket.socket] = []
        self._servers: list[asyncio.Server | Greeter] = []
        self._service: Service | None = None
        self._late: set[asyncio.Task[None]] = set()
        try:
            for one in sockets_at(host, port, shared=shared):
                self._sockets.append(one)
                one.listen(_BACKLOG)
        except OSError as error:
            self.close()
            raise NotToBeHad((host, port), error) from error

    async def serve(self, service: Service) -> None:
        """Who comes from now on meets this; nobody is turned away meanwhile."""
        if self._servers and service == self._service:
            return
        new = [await self._server(one.dup(), service) for one in self._sockets]
        before, self._servers = self._servers, new
        self._service = service
        for server in before:
            server.close()

    async def _server(self, one: socket.socket, service: Service) -> asyncio.Server | Greeter:
        if service.announcing or service.context:
            return Greeter(
                one,
                service.make,
                networks=service.announcing,
                seconds=service.patience,
                most=service.most,
                options=service.options(),
            )
        return await asyncio.get_running_loop().create_server(
            service.fresh, sock=one, backlog=_BACKLOG, **service.options()
        )

    def shut(self) -> None:
        """Takes nobody any more, but those who stand in the queue already."""
        for server in self._servers:
            server.close()
        self._servers = []
        loop = asyncio.get_running_loop()
        for one in self._sockets:
            for caller in _queued(one):
                task = loop.create_task(self._take(caller))
                self._late.add(task)
                task.add_done_callback(self._late.discard)
        self.close()

    async def _take(self, caller: socket.socket) -> None:
        service = self._service
        if service is None or service.announcing:
            caller.close()
            return
        with contextlib.suppress(OSError):
            await asyncio.get_running_loop().connect_accepted_socket(
                service.fresh, caller, **service.options()
            )

    def close(self) -> None:
        """Closes the sockets."""
        for one in self._sockets:
            one.close()
        self._sockets = []


def sockets_at(host: str, port: int, *, shared: bool) -> list[socket.socket]:
    """Sockets bound to an address (a name may have several), not listening yet.

    Raises:
        NotToBeHad: the address.
    """
    made: list[socket.socket] = []
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, kind, protocol, _, address in dict.fromkeys(found):
            one = socket.socket(family, kind, protocol)
            made.append(one)
            one.setblocking(False)
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if shared:
                one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            if family == socket.AF_INET6:
                one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            one.bind(address)
    except (OSError, ValueError) as error:
        for one in made:
            one.close()
        raise NotToBeHad((host, port), error) from error
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
