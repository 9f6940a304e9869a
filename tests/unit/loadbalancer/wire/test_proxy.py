"""PROXY protocol version 2, as bytes; each also byte by byte."""

import contextlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadbalancer.wire.proxy import LOCAL, SIGNATURE, Address, ProxyReader, crc32c, header
from loadbalancer.wire.reject import Reject

FOUR = struct.pack("!4s4sHH", bytes([192, 0, 2, 1]), bytes([198, 51, 100, 7]), 56_324, 443)
SIX = struct.pack("!16s16sHH", b"\x20\x01" + bytes(13) + b"\1", bytes(15) + b"\1", 1, 2)


def made(
    block: bytes, *, command: int = 0x21, family: int = 0x11, size: int | None = None
) -> bytes:
    length = len(block) if size is None else size
    return SIGNATURE + struct.pack("!BBH", command, family, length) + block


def read(data: bytes, piece: int = 1_000) -> tuple[ProxyReader, bytes]:
    """The reader, and what it did not want."""
    reader = ProxyReader()
    while reader.wanted and data:
        size = min(reader.wanted, piece)
        reader.feed(data[:size])
        data = data[size:]
    return reader, data


def with_crc(block: bytes) -> bytes:
    blank = made(block + b"\x03\0\4" + bytes(4))
    return blank[:-4] + struct.pack("!I", crc32c(blank))


GOOD = [
    (made(FOUR), ("192.0.2.1", 56_324), ("198.51.100.7", 443)),
    (made(SIX, family=0x21), ("2001::1", 1), ("::1", 2)),
    (made(FOUR + b"\x04\0\2xx" + b"\xee\0\0"), ("192.0.2.1", 56_324), ("198.51.100.7", 443)),
    (with_crc(FOUR), ("192.0.2.1", 56_324), ("198.51.100.7", 443)),
    (made(FOUR, command=0x20), None, None),
    (made(b"", command=0x21, family=0), None, None),
    (made(b"whatever", command=0x20, family=0), None, None),
    (LOCAL, None, None),
]


@pytest.mark.parametrize("piece", [1, 7, 1_000])
@pytest.mark.parametrize(("data", "source", "destination"), GOOD)
def test_what_is_taken(data: bytes, source: object, destination: object, piece: int) -> None:
    reader, rest = read(data + b"GET", piece)
    assert (reader.wanted, rest) == (0, b"GET")
    assert (reader.source, reader.destination) == (source, destination)


BAD = [
    b"GET / HTTP/1.1\r\n",
    b"PROXY TCP4 1.2.3.4 ",
    b"\r\n\r\n\0\r\nQUIT\r\x21",
    made(FOUR, command=0x11),
    made(FOUR, command=0x22),
    made(FOUR, command=0x00),
    made(FOUR, family=0x12),
    made(FOUR, family=0x10),
    made(FOUR, family=0x01),
    made(bytes(216), family=0x31),
    made(FOUR, family=0x21),
    made(FOUR[:-1]),
    made(FOUR, size=537),
    made(FOUR, size=0xFFFF),
    made(FOUR + b"\x04"),
    made(FOUR + b"\x04\0\3xx"),
    made(FOUR + b"\x03\0\4abcd"),
    made(FOUR + b"\x03\0\3abc"),
]


@pytest.mark.parametrize("piece", [1, 1_000])
@pytest.mark.parametrize("data", BAD)
def test_what_is_refused(data: bytes, piece: int) -> None:
    with pytest.raises(Reject):
        read(data, piece)


def test_nonsense_is_refused_at_its_first_byte() -> None:
    with pytest.raises(Reject):
        ProxyReader().feed(b"G")


def test_the_checksum_is_castagnolis() -> None:
    assert crc32c(b"123456789") == 0xE3069283


ADDRESSES = st.builds(Address, st.ip_addresses().map(str), st.integers(0, 65_535))


@given(ADDRESSES, ADDRESSES)
def test_what_is_said_is_understood(source: Address, destination: Address) -> None:
    reader, rest = read(header(source, destination))
    assert (reader.wanted, rest) == (0, b"")
    assert reader.source is not None
    assert reader.destination is not None
    assert reader.source.host.removeprefix("::ffff:") in (
        source.host, mapped(source.host), source.host.removeprefix("::ffff:")
    )  # fmt: skip
    assert (reader.source.port, reader.destination.port) == (source.port, destination.port)


def mapped(host: str) -> str:
    parts = host.split(".")
    if len(parts) != 4:
        return host
    a, b, c, d = map(int, parts)
    return f"{a << 8 | b:x}:{c << 8 | d:x}"


@given(st.binary(max_size=600))
def test_no_bytes_are_too_strange(data: bytes) -> None:
    with contextlib.suppress(Reject):
        read(SIGNATURE + data)
