"""Ending a connection so that the other side is told that something broke."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from socket import SO_LINGER, SOL_SOCKET
from struct import pack
from typing import Final

_AT_ONCE: Final = pack("ii", 1, 0)
"""`struct linger`: on, and no time."""


def forget_unsent(transport: asyncio.Transport) -> None:
    """From now on its end is a reset: the kernel throws away what it has not sent."""
    with suppress(OSError, AttributeError):  # it is closed already, or has no socket
        transport.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_LINGER, _AT_ONCE)
