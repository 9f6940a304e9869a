"""Ports for programs that are told where to listen."""

import os
import random
import socket
from itertools import chain, cycle

_LOW, _HIGH = 20_000, 32_000
"""Below the range that connections take their own ports from: none of these is lost to one."""
_SHARE = (_HIGH - _LOW) // int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
_FIRST = _LOW + _SHARE * int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_LAST = _FIRST + _SHARE
"""Of this process, where tests are run by several."""
_START = random.randrange(_FIRST, _LAST)
_ports = cycle(chain(range(_START, _LAST), range(_FIRST, _START)))


def free_port() -> int:
    """A loopback port that was free a moment ago, and that this process gives to nobody else."""
    while True:
        port = next(_ports)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
