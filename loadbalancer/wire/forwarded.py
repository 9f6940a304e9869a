"""Who asked, as it is told to those behind us: X-Forwarded-For and its kin, Forwarded (RFC 7239).

What a caller says of who asked before it is kept and added to if the caller's address is trusted;
otherwise it is replaced, since anybody can claim anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import IPv6Address, ip_address, ip_network
from typing import TYPE_CHECKING

from loadbalancer.wire.fields import is_token

if TYPE_CHECKING:
    from loadbalancer.wire.request import RequestHead

EVERYBODY = ("0.0.0.0/0", "::/0")


class Trust:
    """The networks whose callers are believed."""

    def __init__(self, networks: Iterable[str] = ()) -> None:
        """Raises ValueError if one is none."""
        self._networks = [ip_network(network) for network in networks]

    def covers(self, peer: bytes) -> bool:
        """Is a caller with this address believed?"""
        if not self._networks:
            return False
        try:
            address = ip_address(peer.decode("latin-1"))
        except ValueError:
            return False
        if isinstance(address, IPv6Address):
            address = address.ipv4_mapped or address
        return any(address in network for network in self._networks)

    def client(self, forwarded_for: bytes, peer: bytes) -> bytes:
        """Who asked first, as far as that is told by someone who is believed."""
        for told in reversed(forwarded_for.split(b",")):
            if not self.covers(peer):
                break
            peer = told.strip(b" \t") or peer
        return peer


class Teller:
    """Writes the lines that tell who asked."""

    __slots__ = ("_scheme",)

    def __init__(self, scheme: bytes) -> None:
        self._scheme = scheme

    def first(self, peer: bytes, host: bytes) -> bytes:
        """The lines for a request that begins with this caller, as far as is known."""
        lines = b"X-Forwarded-For: " + peer, *self._own(host), self._element(peer, host)
        return b"\r\n".join(lines)

    def further(self, head: RequestHead, peer: bytes, host: bytes) -> list[bytes]:
        """The lines for a request that a trusted caller passed on."""
        told = head.forwarded or []
        lines = [line for line in told if not _is(line, b"forwarded:")]
        for own in self._own(host):
            if not any(_is(line, own[: own.index(b":") + 1].lower()) for line in lines):
                lines.append(own)
        before = head.forwarded_for
        lines.append(b"X-Forwarded-For: " + (before + b", " + peer if before else peer))
        elements = [line.partition(b": ")[2] for line in told if _is(line, b"forwarded:")]
        if not elements:  # RFC 7239, section 7.4: the older fields are taken over
            elements = [b"for=" + _node(one) for one in before.split(b",") if one.strip(b" \t")]
        line = self._element(peer, host)
        lines.append(b"Forwarded: " + b", ".join((*elements, line.partition(b": ")[2])))
        return lines

    def _own(self, host: bytes) -> Sequence[bytes]:
        return b"X-Forwarded-Proto: " + self._scheme, b"X-Forwarded-Host: " + host

    def _element(self, peer: bytes, host: bytes) -> bytes:
        return b"Forwarded: for=%b;host=%b;proto=%b" % (
            _node(peer), host if is_token(host) else b'"%b"' % host, self._scheme,
        )  # fmt: skip


def _is(line: bytes, name: bytes) -> bool:
    return line[: len(name)].lower() == name


def _node(peer: bytes) -> bytes:
    """Section 6: an address of IPv6 in brackets and quotes; what is no address is unknown."""
    text = peer.strip(b" \t").decode("latin-1")
    try:
        address = ip_address(text)
    except ValueError:
        return b"unknown"
    return f'"[{address}]"'.encode() if isinstance(address, IPv6Address) else text.encode()
