"""PROXY protocol version 2: who the caller is, said by whoever passes the connection on.

Only version 2, only streams; whatever is not exactly as the specification has it is refused
(https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt).
"""

from __future__ import annotations

import ipaddress
import struct
from typing import NamedTuple

from loadbalancer.wire.reject import bad

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
_FIXED = 16
_MOST = 536
"""Bytes after the fixed part. The specification: all of it fits into one packet of 576 bytes."""
_LOCAL, _PROXY = 0x20, 0x21
_UNSPEC, _TCP4, _TCP6 = 0x00, 0x11, 0x21
_SIZES = {_TCP4: 12, _TCP6: 36}
_CRC32C = 0x03
_CRC_SIZE = 4
_POLYNOMIAL = 0x82F63B78


class Address(NamedTuple):
    """An IP address and a port."""

    host: str
    port: int


class ProxyReader:
    """Bytes in, who the caller is out. Takes exactly the header: what follows is not ours.

    Attributes:
        wanted: how many bytes are missing before more is known; 0: it is complete.
        source: of the connection; None if it was made by the one who passes it on, or if that
            one does not know.
        destination: likewise.
    """

    def __init__(self) -> None:
        self._held = b""
        self.wanted = _FIXED
        self.source: Address | None = None
        self.destination: Address | None = None

    def feed(self, data: bytes) -> None:
        """Takes up to `wanted` bytes.

        Raises:
            Reject: it is no such header.
        """
        self._held += data
        held = self._held
        if held[: len(SIGNATURE)] != SIGNATURE[: len(held)]:
            raise bad("No PROXY protocol header of version 2")
        if len(held) < _FIXED:
            self.wanted = _FIXED - len(held)
            return
        command, family, size = struct.unpack_from("!BBH", held, len(SIGNATURE))
        if command not in (_LOCAL, _PROXY):
            raise bad("Neither LOCAL nor PROXY of version 2")
        if family not in (_UNSPEC, _TCP4, _TCP6):
            raise bad("Not a stream over IP")
        if not _SIZES.get(family, 0) <= size <= _MOST:
            raise bad("The length of the PROXY header is wrong")
        self.wanted = _FIXED + size - len(held)
        if self.wanted < 0:
            raise ValueError("more than was wanted")
        if not self.wanted:
            self._read(command, family)

    def _read(self, command: int, family: int) -> None:
        at = _FIXED + _SIZES.get(family, 0)
        if family != _UNSPEC:
            _check_fields(self._held, at)
        if command == _PROXY and family != _UNSPEC:
            pair = _addresses(self._held[_FIXED:at])
            self.source, self.destination = pair


def _addresses(block: bytes) -> tuple[Address, Address]:
    size = (len(block) - 4) // 2
    ports = struct.unpack_from("!HH", block, 2 * size)
    source, destination = (ipaddress.ip_address(block[n * size : (n + 1) * size]) for n in (0, 1))
    return Address(str(source), ports[0]), Address(str(destination), ports[1])


def _check_fields(header: bytes, at: int) -> None:
    """Every field (type, length, value) fits, and a checksum is right."""
    while at < len(header):
        if len(header) < at + 3:
            raise bad("A field of the PROXY header is cut off")
        kind, size = struct.unpack_from("!BH", header, at)
        at += 3
        if len(header) < at + size:
            raise bad("A field of the PROXY header is cut off")
        if kind == _CRC32C:
            told = header[at : at + size]
            blank = header[:at] + bytes(size) + header[at + size :]
            if size != _CRC_SIZE or struct.unpack("!I", told)[0] != crc32c(blank):
                raise bad("The checksum of the PROXY header is wrong")
        at += size


def crc32c(data: bytes) -> int:
    """The checksum that the specification asks for (Castagnoli's polynomial)."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (_POLYNOMIAL if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def header(source: Address, destination: Address) -> bytes:
    """Says who the caller is. Addresses of two kinds are both told as IPv6."""
    one, other = ipaddress.ip_address(source.host), ipaddress.ip_address(destination.host)
    family = _TCP4
    if one.version != other.version or one.version != 4:  # noqa: PLR2004 - IPv4
        family, one, other = _TCP6, _as_six(one), _as_six(other)
    block = one.packed + other.packed + struct.pack("!HH", source.port, destination.port)
    return SIGNATURE + struct.pack("!BBH", _PROXY, family, len(block)) + block


def _as_six(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> ipaddress.IPv6Address:
    if isinstance(address, ipaddress.IPv6Address):
        return address
    return ipaddress.IPv6Address(b"\0" * 10 + b"\xff\xff" + address.packed)


LOCAL = SIGNATURE + struct.pack("!BBH", _LOCAL, _UNSPEC, 0)
"""A connection of our own, such as a check."""
