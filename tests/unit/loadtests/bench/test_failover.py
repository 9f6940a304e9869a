from collections import Counter
from pathlib import Path

import pytest

from loadtests.bench import kept
from loadtests.bench.failover.__main__ import _finish
from loadtests.bench.failover.cases import CASES
from loadtests.bench.failover.client import (
    EXPECTING,
    IDEMPOTENT,
    KEYED,
    KINDS,
    LARGE,
    MIX,
    SAFE,
    UNKEYED,
    Done,
    Kind,
)
from loadtests.bench.failover.judge import Effects, complaints, rows
from loadtests.bench.failover.table import Result, page

FAULT_AT = 3.0


def done(
    name: str, kind: Kind, status: int = 200, seconds: float = 0.01, began: float = 3.5
) -> Done:
    return Done(name, kind, began, seconds, status)


def effects(seen: str = "", happened: str = "") -> Effects:
    return Effects(frozenset(seen.split()), Counter(happened.split()))


def test_the_logs_of_backends() -> None:
    found = Effects.read(["S a-1", "E a-1", "E a-1", "S a-2", "E", "", "X a-3"])
    assert found.seen == {"a-1", "a-2"}
    assert found.happened["a-1"] == 2
    assert found.happened["a-2"] == 0


def test_what_callers_got_is_held_against_what_backends_did() -> None:
    row = rows(
        [
            done("a", UNKEYED), done("b", UNKEYED, 502), done("c", UNKEYED, 0),
            done("d", UNKEYED, 503), done("e", UNKEYED, 500, 0.7), done("f", UNKEYED),
            done("g", UNKEYED, began=7.5, seconds=0.2),
        ],
        effects(seen="a b c e f g", happened="a a c g"),
        FAULT_AT,
    )[0]  # fmt: skip
    assert (row.requests, row.failed, row.answered) == (7, 4, 1)
    assert row.failed_unseen == 1  # d
    assert row.failed_with_effect == 1  # c
    assert row.lost == 1  # f
    assert row.twice == 1  # a
    assert (row.worst, row.slow, row.worst_settled) == (0.7, 1, 0.2)


def test_reading_has_no_effect_that_could_be_lost() -> None:
    assert rows([done("a", SAFE)], effects("a"), FAULT_AT)[0].lost == 0


@pytest.mark.parametrize(
    ("one", "told"),
    [
        (done("a", SAFE, 502), "get: 1 failed"),
        (done("a", IDEMPOTENT, 0), "put: 1 failed"),
        (done("a", KEYED, 504), "keyed post: 1 failed"),
        (done("x", UNKEYED, 502), "could have had no effect"),
        (done("b", KEYED), "not done"),
        (done("t", UNKEYED), "done twice"),
    ],
)
def test_a_broken_promise_is_told(one: Done, told: str) -> None:
    found = rows([one], effects("a b t", "a t t"), FAULT_AT)
    assert told in " ".join(complaints(found, hangs=False))


def test_what_is_promised_is_no_complaint() -> None:
    kept = [
        done("a", SAFE), done("b", SAFE, 500), done("c", UNKEYED, 502), done("d", KEYED),
        done("d2", IDEMPOTENT),
    ]  # fmt: skip
    assert complaints(rows(kept, effects("a b c d d2", "c d d d2"), FAULT_AT), hangs=False) == []


def test_a_hung_backend_costs_a_bounded_time_and_then_none() -> None:
    late = rows([done("a", SAFE, seconds=0.4)], effects("a"), FAULT_AT)
    assert complaints(late, hangs=False) == []
    assert "0.40 s" in complaints(late, hangs=True)[0]
    unkeyed = rows([done("b", UNKEYED, seconds=5.0)], effects("b", "b"), FAULT_AT)
    assert complaints(unkeyed, hangs=True) == []
    settled = rows([done("b", UNKEYED, seconds=5.0, began=9.0)], effects("b", "b"), FAULT_AT)
    assert "ejected" in complaints(settled, hangs=True)[0]


def test_the_table() -> None:
    all_kinds = [
        done("a", SAFE),
        done("b", IDEMPOTENT),
        done("c", KEYED),
        done("d", UNKEYED, 0, 11.0),
    ]
    result = Result(
        CASES[0], "haproxy-best", rows(all_kinds, effects("a b c d", "b c d"), FAULT_AT)
    )
    missing = Result(CASES[0], "envoy-best", left_out="it is not installed")
    text = page([result, missing], "A machine.", ["get: 3 failed"])
    assert (
        "| haproxy-best | 0 | 0 | 0 |  |  | 1 (1) | 0 | 0 | 0.01 | 10 or more | 1 | 0.00 | before |"
        in text
    )
    assert "Left out: envoy-best, it is not installed." in text
    assert "- get: 3 failed" in text


def test_what_was_measured_is_read_again_and_kept(tmp_path: Path) -> None:
    def results(peer: str, *kinds: Kind) -> list[Result]:
        names = [(chr(97 + at), kind) for at, kind in enumerate(kinds)]
        ids = " ".join(name for name, _ in names)
        found = rows([done(*one) for one in names], effects(ids, ids), FAULT_AT)
        return [Result(case, peer, found) for case in CASES[:2]]

    before = results("holdfast", *KINDS) + results("haproxy-best", SAFE, UNKEYED)
    assert _finish(before, tmp_path, 200.0) == 0
    file = tmp_path / "failover.json"
    kept.write(file, [{**one, "measured": "2026-01-01 00:00"} for one in kept.read(file)])
    again = Result.from_json(kept.read(file)[0])
    assert again is not None
    assert (again.rows, again.measured) == (before[0].rows, "2026-01-01 00:00")
    lost = rows([done("a", KEYED), done("b", UNKEYED)], effects("a b", "b"), FAULT_AT)
    assert _finish([Result(CASES[1], "holdfast", lost)], tmp_path, 200.0) == 1
    assert len(kept.read(file)) == 4
    text = (tmp_path / "failover.md").read_text()
    assert "Not all of it was measured in one run" in text
    assert f"- {CASES[1].title}: keyed post: 1 acknowledged and not done" in text


def test_a_body_that_nobody_keeps_may_fail_once_it_was_begun_with() -> None:
    assert not LARGE.kept
    begun = rows([done("a", LARGE, 502)], effects("a"), FAULT_AT)
    assert complaints(begun, hangs=False) == []
    unseen = rows([done("a", LARGE, 502)], effects(), FAULT_AT)
    assert "could have had no effect" in complaints(unseen, hangs=False)[0]
    expecting = rows([done("a", EXPECTING, 502)], effects("a"), FAULT_AT)
    assert "expecting: 1 failed without an answer" in complaints(expecting, hangs=False)[0]


def test_whether_it_may_be_sent_twice_is_in_the_bytes() -> None:
    assert b"Idempotency-Key: r-1\r\n" in KEYED.head(b"r-1")
    assert b"Idempotency-Key" not in UNKEYED.head(b"r-1")
    assert b"Expect: 100-continue\r\n" in EXPECTING.head(b"r-1")
    assert {kind.name for kind in MIX} == {kind.name for kind in KINDS}
    assert [kind.repeatable for kind in (SAFE, IDEMPOTENT, KEYED, UNKEYED)] == [
        True,
        True,
        True,
        False,
    ]
