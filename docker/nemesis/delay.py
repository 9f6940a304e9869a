"""Makes each packet that leaves a network namespace wait, as tc's netem does where a kernel has it.

    python3 delay.py MILLISECONDS    until killed, or until an interface is gone with its container
    python3 delay.py --try           can this kernel do it?

nftables hands what is about to leave an interface to a tap device. Here it waits, and goes out by
a raw socket, whose mark says that it has waited. Who finds MOST others waiting is dropped, as by a
router whose queue is full.
"""

from __future__ import annotations

import fcntl
import math
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import time
from collections import deque
from pathlib import Path

INTERFACES = Path("/sys/class/net")
TABLE = "holdfast"
MARK = 0x51
MOST = 20_000  # of each interface: 30 MB
READ_AT_ONCE = 256
FRAME = 65_536
LOOK_SECONDS = 1.0

# linux/if_tun.h
TUNSETIFF, IFF_TAP, IFF_NO_PI = 0x400454CA, 0x0002, 0x1000


class Line:
    """One interface, and what waits to leave it."""

    def __init__(self, interface: str, seconds: float) -> None:
        """Makes the tap. Nothing comes to it before `divert`.

        Raises:
            OSError: there is no /dev/net/tun, or no permission.
        """
        self.interface, self.tap = interface, f"wait-{interface}"[:15]
        self._seconds = seconds
        self._waiting: deque[tuple[float, bytes]] = deque()
        self.file = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        name = self.tap.encode()
        fcntl.ioctl(self.file, TUNSETIFF, struct.pack("16sH22x", name, IFF_TAP | IFF_NO_PI))
        self._out = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        self._out.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, MARK)
        self._out.bind((interface, 0))

    @property
    def chain(self) -> str:
        """What leaves goes to the tap, unless it has been there."""
        return (
            f"chain {self.interface} {{"
            f' type filter hook egress device "{self.interface}" priority 0;'
            f' meta mark {MARK} accept; fwd to "{self.tap}"; }}\n'
        )

    @property
    def due(self) -> float | None:
        """When the first of those that wait may go, by the clock that is passed in."""
        return self._waiting[0][0] if self._waiting else None

    def take(self, now: float) -> bool:
        """Lets in what came; gives whether more may be there."""
        try:
            for _ in range(READ_AT_ONCE):
                frame = os.read(self.file, FRAME)
                if len(self._waiting) < MOST:
                    self._waiting.append((now + self._seconds, frame))
        except BlockingIOError:
            return False
        return True

    def give(self, now: float) -> None:
        """Lets out what has waited; with infinity, all of it.

        Raises:
            OSError: the interface is gone.
        """
        while self._waiting and self._waiting[0][0] <= now:
            self._out.send(self._waiting.popleft()[1])


def main(arguments: list[str]) -> None:
    """Until a signal, or until an interface is gone with its container."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    trying = arguments == ["--try"]
    seconds = 0.001 if trying else int(arguments[0]) / 1000
    names = sorted(entry.name for entry in INTERFACES.iterdir() if trying or entry.name != "lo")
    try:
        lines = [Line(name, seconds) for name in names]
        divert(lines)
    except (OSError, subprocess.CalledProcessError) as error:
        sys.exit(str(error))
    try:
        if not trying:
            sys.stdout.write("slow\n")
            sys.stdout.flush()
            run(lines)
    finally:
        release(lines)


def divert(lines: list[Line]) -> None:
    """From here on nothing leaves but through these.

    Raises:
        CalledProcessError: the kernel has no egress hook (5.16), or cannot forward there.
    """
    for line in lines:
        subprocess.run(["ip", "link", "set", line.tap, "up"], check=True)
    table = f"table netdev {TABLE} {{\n{''.join(line.chain for line in lines)}}}"
    subprocess.run(["nft", "-f", "-"], input=table, text=True, check=True)


def release(lines: list[Line]) -> None:
    """From here on everything leaves by itself; nothing that waits is lost."""
    for line in lines:
        line.give(math.inf)
    subprocess.run(["nft", "delete", "table", "netdev", TABLE], check=False)
    for line in lines:
        while line.take(time.monotonic()):
            pass
        line.give(math.inf)


def run(lines: list[Line]) -> None:
    """Passes on what has waited."""
    poll = select.poll()
    for line in lines:
        poll.register(line.file, select.POLLIN)
    while all((INTERFACES / line.interface).exists() for line in lines):
        look = time.monotonic() + LOOK_SECONDS
        while (now := time.monotonic()) < look:
            for line in lines:
                line.take(now)
                line.give(now)
            due = min((line.due for line in lines if line.due is not None), default=look)
            poll.poll(max(0.0, min(due, look) - time.monotonic()) * 1000)


if __name__ == "__main__":
    main(sys.argv[1:])
