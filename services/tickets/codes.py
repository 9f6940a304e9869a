"""Ticket codes: short enough for a barcode, and checked by anyone who has the public key.

A code is base64url, without padding, of 89 bytes:

    version (1)   order id (16)   show id (4)   seat (4)   Ed25519 signature of these (64)

The same ticket always has the same code: Ed25519 signatures have no chance in them (RFC 8032).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import struct
import uuid
from dataclasses import dataclass

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

_VERSION = 1
_FACTS = struct.Struct(">B16sII")
_SIGNATURE_BYTES = 64
_CODE_CHARS = 119


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a code says."""

    order_id: uuid.UUID
    show_id: int
    seat: int


class Signer:
    """Holds the private key."""

    def __init__(self, seed: bytes) -> None:
        """`seed` is the private key's 32 bytes."""
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.verifier = Verifier(self._key.public_key())

    def code(self, ticket: Ticket) -> str:
        """The ticket's code."""
        facts = _FACTS.pack(_VERSION, ticket.order_id.bytes, ticket.show_id, ticket.seat)
        return _encode(facts + self._key.sign(facts))


class Verifier:
    """Holds the public key."""

    def __init__(self, key: Ed25519PublicKey) -> None:
        self._key = key

    def read(self, code: str) -> Ticket | None:
        """The ticket that the code is for; None if we never signed it so."""
        if len(code) != _CODE_CHARS:
            return None
        try:
            signed = base64.b64decode(code + "=", altchars=b"-_", validate=True)
            facts, signature = signed[:-_SIGNATURE_BYTES], signed[-_SIGNATURE_BYTES:]
            self._key.verify(signature, facts)
        except (ValueError, binascii.Error, InvalidSignature):
            return None
        version, order_id, show_id, seat = _FACTS.unpack(facts)
        # The last character has bits to spare: only one of its spellings is ours.
        if version != _VERSION or _encode(signed) != code:
            return None
        return Ticket(uuid.UUID(bytes=order_id), show_id, seat)

    def jwk(self) -> dict[str, str]:
        """The public key as a JSON Web Key (RFC 8037), named by its thumbprint (RFC 7638)."""
        point = {"crv": "Ed25519", "kty": "OKP", "x": _encode(self._key.public_bytes_raw())}
        name = _encode(hashlib.sha256(orjson.dumps(point)).digest())
        return {**point, "alg": "EdDSA", "use": "sig", "kid": name}


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
