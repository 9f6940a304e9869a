import base64
import hashlib
import string
import uuid

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from services.tickets.codes import Signer, Ticket

SIGNER = Signer(bytes(range(32)))
TICKET = Ticket(uuid.UUID("0b0e4f0e-5b7c-4f0c-9b52-3d9c9a7f6a11"), show_id=17, seat=20_000)
BASE64URL = string.ascii_letters + string.digits + "-_"


def unpadded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def test_a_code_says_what_it_is_for() -> None:
    assert SIGNER.verifier.read(SIGNER.code(TICKET)) == TICKET


def test_a_code_fits_a_barcode_and_a_query() -> None:
    code = SIGNER.code(TICKET)

    assert len(code) == 119
    assert set(code) <= set(BASE64URL)


def test_the_same_ticket_has_the_same_code_and_another_one_another() -> None:
    other = Ticket(TICKET.order_id, TICKET.show_id, TICKET.seat + 1)

    assert SIGNER.code(TICKET) == SIGNER.code(TICKET)
    assert SIGNER.code(TICKET) != SIGNER.code(other)


@pytest.mark.parametrize("position", range(119))
def test_a_change_of_any_character_is_seen(position: int) -> None:
    code = SIGNER.code(TICKET)

    for other in BASE64URL.replace(code[position], ""):
        assert SIGNER.verifier.read(code[:position] + other + code[position + 1 :]) is None


@pytest.mark.parametrize("code", ["", "x", "A" * 119, "!" * 119, "ü" * 119, "A" * 1_000_000])
def test_anything_else_is_no_code(code: str) -> None:
    assert SIGNER.verifier.read(code) is None


def test_a_code_with_more_or_less_than_itself_is_none() -> None:
    code = SIGNER.code(TICKET)

    for other in (code[:-1], code + "A", code + "=", " " + code, code + "\n"):
        assert SIGNER.verifier.read(other) is None


def test_another_key_signs_other_tickets() -> None:
    stranger = Signer(bytes(32))

    assert SIGNER.verifier.read(stranger.code(TICKET)) is None


def test_anyone_can_verify_with_the_published_key_alone() -> None:
    jwk = SIGNER.verifier.jwk()
    key = Ed25519PublicKey.from_public_bytes(unpadded(jwk["x"]))
    signed = unpadded(SIGNER.code(TICKET))

    key.verify(signed[-64:], signed[:-64])
    assert (jwk["kty"], jwk["crv"], jwk["alg"]) == ("OKP", "Ed25519", "EdDSA")


def test_the_key_is_named_by_its_thumbprint() -> None:
    jwk = SIGNER.verifier.jwk()
    members = orjson.dumps({name: jwk[name] for name in ("crv", "kty", "x")})

    assert unpadded(jwk["kid"]) == hashlib.sha256(members).digest()
