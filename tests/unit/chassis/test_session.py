"""Tokens, and what a check does when Redis does not answer."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.session import Sessions, SessionSettings, Token
from chassis.store.errors import StoreUnavailable

SECRET = "aB3-_" * 8 + "xyz"
NOW = 1_000_000.0


class FakeRedis:
    """Answers each read with `value`; None for a primary that is gone."""

    def __init__(self, value: bytes | None, *, primary: bool = True, replica: bool = True) -> None:
        self.value = value
        self.primary, self.replica = primary, replica
        self.opened: float | None = NOW  # what the index says of the session
        self.asked: list[str] = []

    async def run(
        self, operation: str, _key: str, _command: Any, *, seconds: float
    ) -> bytes | None:
        assert seconds < 0.5
        self.asked.append(operation)
        if not self.primary:
            raise StoreUnavailable
        return self.value

    async def read_stale(
        self, key: str, _command: Any, *, seconds: float
    ) -> tuple[bytes | None, float | None]:
        assert seconds < 0.5
        self.asked.append(key)
        if not self.replica:
            raise StoreUnavailable
        return self.value, self.opened


def sessions(redis: FakeRedis) -> Sessions:
    return Sessions(redis, SessionSettings(), clock=lambda: NOW)  # type: ignore[arg-type]


def value(age: float = 0) -> bytes:
    return orjson.dumps({"account_id": "ada", "created": int(NOW - age)})


def test_a_token_is_an_account_and_a_secret_known_by_its_hash() -> None:
    token = Token.parse(f"c8ec3583-cd50.{SECRET}")
    assert token is not None
    assert token.account_id == "c8ec3583-cd50"
    assert token.key.startswith("session:{c8ec3583-cd50}:")
    assert SECRET not in token.key


@pytest.mark.parametrize(
    "text",
    ["", ".", SECRET, f".{SECRET}", f"ada.{SECRET}x", f"ada.{SECRET[1:]}", f"a}}b.{SECRET}",
     f"ada.{SECRET}\n", f"a:b.{SECRET}", f"{'a' * 65}.{SECRET}", f"ada.{SECRET[1:]}é"],
)  # fmt: skip
async def test_what_cannot_be_a_token_is_not_looked_up(text: str) -> None:
    redis = FakeRedis(value())
    assert await sessions(redis).check(text) is None
    assert redis.asked == []


@given(st.text(max_size=120))
def test_no_text_breaks_out_of_its_key(text: str) -> None:
    token = Token.parse(text)
    if token is not None:
        assert token.key.count("{") == token.key.count("}") == 1


async def test_a_session_tells_its_account() -> None:
    redis = FakeRedis(value())
    assert await sessions(redis).check(f"ada.{SECRET}") == "ada"
    assert redis.asked == ["session_check"]


async def test_none_where_there_is_none() -> None:
    assert await sessions(FakeRedis(None)).check(f"ada.{SECRET}") is None


async def test_no_session_lasts_for_ever() -> None:
    longest = SessionSettings().session_longest_seconds
    assert await sessions(FakeRedis(value(longest - 1))).check(f"ada.{SECRET}") == "ada"
    assert await sessions(FakeRedis(value(longest))).check(f"ada.{SECRET}") is None


async def test_a_replica_stands_in_for_its_primary() -> None:
    redis = FakeRedis(value(), primary=False)
    assert await sessions(redis).check(f"ada.{SECRET}") == "ada"
    token = Token.parse(f"ada.{SECRET}")
    assert token is not None
    assert redis.asked == ["session_check", token.key]


async def test_a_replica_too_knows_a_session_by_the_index_only() -> None:
    redis = FakeRedis(value(), primary=False)
    redis.opened = None
    assert await sessions(redis).check(f"ada.{SECRET}") is None


async def test_without_either_nobody_can_tell() -> None:
    with pytest.raises(StoreUnavailable):
        await sessions(FakeRedis(value(), primary=False, replica=False)).check(f"ada.{SECRET}")


async def test_an_account_id_must_fit_into_a_token() -> None:
    with pytest.raises(ValueError, match="account id"):
        await sessions(FakeRedis(None)).open("a.b")
