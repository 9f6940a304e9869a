import pytest

from gamedays.history import Outcome
from gamedays.workloads.decisions import (
    Answer,
    final,
    given_up,
    outcome,
    pause,
    session_lost,
    shard,
)


@pytest.mark.parametrize(
    ("answer", "what", "is_final"),
    [
        (Answer(201), "ok", True),
        (Answer(200), "ok", True),
        (Answer(204), "ok", True),
        (Answer(409), "fail", True),  # sold out
        (Answer(422), "fail", True),
        (Answer(409, retry_after=1.0), "info", False),  # its first try is still running
        (Answer(401), "fail", False),  # sign in, and ask again
        (Answer(429, retry_after=1.0), "fail", False),
        (Answer(500), "info", False),
        (Answer(503, retry_after=1.0), "info", False),
        (Answer(0, error="TimeoutError"), "info", False),
    ],
)
def test_what_an_answer_tells(answer: Answer, what: Outcome, is_final: bool) -> None:
    assert outcome(answer) == what
    assert final(answer) is is_final


def test_only_a_401_asks_for_a_new_session() -> None:
    assert session_lost(Answer(401))
    assert not session_lost(Answer(503))


def test_pauses_grow_and_heed_what_was_told_but_not_for_long() -> None:
    assert [pause(Answer(0), n) for n in range(1, 7)] == [0.25, 0.5, 1.0, 2.0, 3.0, 3.0]
    assert pause(Answer(503, retry_after=2.0), 1) == 2.0
    assert pause(Answer(503, retry_after=60.0), 1) == 3.0


def test_of_a_failure_the_status_is_kept() -> None:
    assert Answer(504).brief() == {"status": 504}
    assert Answer(0, error="TimeoutError").brief() == {"status": 0, "error": "TimeoutError"}


def test_of_a_refusal_it_is_kept_when_to_come_back() -> None:
    assert Answer(503, retry_after=1.0).brief() == {"status": 503, "retry_after": 1.0}
    assert Answer(503).brief() == {"status": 503, "retry_after": None}
    assert Answer(0, error="TimeoutError").brief() == {"status": 0, "error": "TimeoutError"}


def test_an_account_belongs_to_the_shard_of_its_hash_slot() -> None:
    # Their slots, as CLUSTER KEYSLOT says: 15495, 3300, 7365; 5061, 12182.
    assert [shard(account) for account in ("a", "b", "c", "bar", "foo")] == [2, 0, 1, 0, 2]


@pytest.mark.parametrize("status", [0, 401, 429, 500, 503])
def test_who_gives_up_does_not_know_whether_an_earlier_try_was_heard(status: int) -> None:
    assert outcome(given_up(Answer(status))) == "info"
