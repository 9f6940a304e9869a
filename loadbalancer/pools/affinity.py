"""What ties requests to one instance: a key that is hashed, or a cookie that names the instance."""

from __future__ import annotations

import re
from hashlib import blake2b
from typing import NamedTuple, Protocol

from loadbalancer.pools.settings import PoolSettings

_KEY = re.compile(r"client|path|(header|cookie):([!#$%&'*+\-.^_`|~0-9A-Za-z]+)").fullmatch
_COOKIE = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+").fullmatch


class Asked(Protocol):
    """A request's head, as far as a key can be read from it."""

    @property
    def lines(self) -> list[bytes]:
        """Canonical field lines."""

    @property
    def path(self) -> bytes:
        """The target without its query."""


class Tie(NamedTuple):
    """What one request says."""

    token: str
    """Of the instance that its cookie names; empty without one."""
    key: bytes
    """To be hashed; empty if the request has none."""


def token(address: str) -> str:
    """Stands for an instance in a cookie: says nothing to who reads it, the same everywhere."""
    return blake2b(address.encode(), digest_size=8, person=b"sticky").hexdigest()


def is_key(text: str) -> bool:
    """Is it a value of `hash_on`?"""
    return _KEY(text) is not None


def is_cookie_name(text: str) -> bool:
    """Can a cookie be called so (RFC 6265, section 4.1.1)?"""
    return _COOKIE(text) is not None


class Affinity:
    """How a pool reads requests; made only for pools that do."""

    def __init__(self, settings: PoolSettings) -> None:
        match = _KEY(settings.hash_on) if settings.policy == "hash" else None
        self._kind = (match[1] or match[0]) if match else ""
        self._name = (match[2] or "").encode() if match else b""
        self._cookie = settings.sticky_cookie.encode()

    def read(self, head: Asked, peer: bytes) -> Tie:
        """What a request from this address says."""
        wanted = cookie(head.lines, self._cookie) if self._cookie else b""
        return Tie(wanted.decode("latin-1"), self._key(head, peer))

    def _key(self, head: Asked, peer: bytes) -> bytes:
        match self._kind:
            case "client":
                return peer
            case "path":
                return head.path
            case "header":
                return field(head.lines, self._name.lower())
            case "cookie":
                return cookie(head.lines, self._name)
        return b""

    def set_cookie(self, tie: Tie, answered_by: str, *, secure: bool) -> bytes:
        """The field that makes the caller come back; empty if it needs none.

        Args:
            tie: what the request said.
            answered_by: the token of the instance that answered.
            secure: the caller came by TLS.
        """
        if not self._cookie or tie.token == answered_by:
            return b""
        end = b"; Secure" if secure else b""
        return b"Set-Cookie: %b=%b; Path=/; HttpOnly; SameSite=Lax%b" % (
            self._cookie, answered_by.encode(), end,
        )  # fmt: skip


def affinity_of(settings: PoolSettings) -> Affinity | None:
    """For a pool with these settings; None if it treats all requests alike."""
    wanted = settings.policy == "hash" or settings.sticky_cookie
    return Affinity(settings) if wanted else None


def field(plain: list[bytes], name: bytes) -> bytes:
    """The value of a field, by its name in lower case; empty without it."""
    size = len(name)
    for line in plain:
        if line[size : size + 1] == b":" and line[:size].lower() == name:
            return line[size + 2 :]
    return b""


def cookie(plain: list[bytes], name: bytes) -> bytes:
    """The value of a cookie; empty without it (RFC 6265, section 4.2)."""
    for pair in field(plain, b"cookie").split(b";"):
        own, equals, value = pair.strip(b" ").partition(b"=")
        if equals and own == name:
            return value.strip(b'"')
    return b""
