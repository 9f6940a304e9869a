"""Emails, passwords, and how opening an account ended."""

import uuid
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.sessions.decisions import (
    Account,
    Outcome,
    normalise_email,
    normalise_password,
    outcome,
)

WANTED = Account(uuid.uuid4(), "ada@example.com", "hash", "key-1")


@pytest.mark.parametrize(
    ("text", "email"),
    [
        ("ada@example.com", "ada@example.com"),
        (" Ada@EXAMPLE.com\n", "ada@example.com"),
        ("a.b+c@mail.example.co.uk", "a.b+c@mail.example.co.uk"),
        ("ädä@exämple.com", "ädä@exämple.com"),
        ("\uff21da@example.com", "ada@example.com"),  # a full-width A
    ],
)
def test_one_spelling(text: str, email: str) -> None:
    assert normalise_email(text) == email


@pytest.mark.parametrize(
    "text",
    ["", "ada", "ada@", "@example.com", "ada@example", "ada@example.", "ada@.com", "a b@c.de",
     "ada@exa mple.com", "ada@@example.com", "ada@example..com", "ada@example.c",
     "a" * 65 + "@example.com", "ada@" + "e" * 250 + ".com", "ada\x00@example.com",
     "\ud800da@example.com", "ada@ex\ud800mple.com", "ada@example.c\udfff"],
)  # fmt: skip
def test_not_of_an_emails_shape(text: str) -> None:
    assert normalise_email(text) is None


@given(st.text(max_size=30))
def test_normalising_twice_changes_nothing(text: str) -> None:
    email = normalise_email(f"{text}@example.com")
    if email is not None:
        assert normalise_email(email) == email


def test_a_password_is_the_same_however_its_letters_were_composed() -> None:
    assert normalise_password("caf\u00e9") == normalise_password("cafe\u0301")
    assert normalise_password("A") != normalise_password("a")


@pytest.mark.parametrize(
    ("owner", "expected"),
    [
        (WANTED, Outcome.CREATED),
        (replace(WANTED, id=uuid.uuid4()), Outcome.REPLAYED),
        (replace(WANTED, id=uuid.uuid4(), idempotency_key="key-2"), Outcome.TAKEN),
        (replace(WANTED, id=uuid.uuid4(), idempotency_key=None), Outcome.TAKEN),
    ],
)
def test_outcome(owner: Account, expected: Outcome) -> None:
    assert outcome(WANTED, owner) is expected


def test_without_a_key_nothing_is_a_replay() -> None:
    keyless = replace(WANTED, idempotency_key=None)
    assert outcome(keyless, replace(keyless, id=uuid.uuid4())) is Outcome.TAKEN
