"""Ports for programs that are told where to listen."""

import random
import socket

_FIRST, _LAST = 20_000, 32_000
"""Below the range that connections take their own ports from: none of these is lost to one."""


def free_port() -> int:
    """A loopback port that was free a moment ago."""
    while True:
        port = random.randrange(_FIRST, _LAST)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
