import uuid
from typing import Any

import pytest

from gamedays import audit
from gamedays.history import Record
from tests.unit.gamedays.script import call, history

ORDER, ACCOUNT = str(uuid.UUID(int=1)), str(uuid.UUID(int=2))
SCOPE = audit.Scope(1000.5, frozenset({ORDER}), frozenset({ACCOUNT}), frozenset({9, 7}))


def test_one_snapshot_read_only_and_a_line_for_each_table() -> None:
    lines = audit.script([audit.LEDGER], SCOPE).splitlines()
    assert lines[0] == "\\connect orders"
    assert lines[2] == "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;"
    assert lines[-1] == "COMMIT;"
    assert len(lines) == 4 + len(audit.LEDGER.queries)
    assert f"'{{{ORDER}}}'::uuid[]" in lines[3]
    assert f"o.account_id = ANY('{{{ACCOUNT}}}'::uuid[]) AS ours" in lines[3]
    assert "id = ANY('{7,9}'::int[])" in lines[4]
    assert "o.created_at < to_timestamp(1000.500000) AS earlier" in lines[3]


@pytest.mark.parametrize("question", [audit.QUIET, *audit.COUNTS, *audit.EFFECTS, audit.LEDGER])
def test_no_word_is_left_in_any_query(question: audit.Question) -> None:
    text = audit.script([question], audit.Scope(0.0))
    for word in (":start", ":ids", ":names", ":accounts", ":sold"):
        assert word not in text


def test_what_is_no_uuid_never_reaches_a_query() -> None:
    wrong = frozenset({"x'); DROP TABLE orders; --"})
    for scope in (audit.Scope(0.0, orders=wrong), audit.Scope(0.0, accounts=wrong)):
        with pytest.raises(ValueError, match="UUID"):
            audit.script([audit.LEDGER], scope)


def test_answers_are_read_by_table() -> None:
    question = audit.Question("orders", {"a": "SELECT 1", "b": "SELECT 2"})
    assert audit.read([question], '[{"x": 1}]\n[]\n') == {"a": [{"x": 1}], "b": []}
    with pytest.raises(ValueError, match="1 tables of 2"):
        audit.read([question], "[]\n")


def test_what_happened_to_whom_is_asked_about() -> None:
    effects: dict[str, list[dict[str, Any]]] = {
        "email": [{"order_id": "e"}],
        "text": [{"order_id": "t"}],
        "tickets": [{"order_id": "k"}],
        "charged": [{"reference": ORDER}, {"reference": "somebody else's"}],
        "sold": [{"show_id": 7}],
    }
    scope = audit.widened(audit.Scope(5.0), effects)
    assert scope == audit.Scope(5.0, orders=frozenset({"e", "t", "k", ORDER}), shows=frozenset({7}))


def test_the_runs_accounts_are_those_of_its_buyers() -> None:
    story = history(
        call("order", "k1", 1, 2, asked={"account": "a"}, answered={"order": "o", "seats": []}),
        call("order", "k2", 1, 2, "info", asked={"account": "b"}),
        call("newest", "r", 1, 2, asked={"f": "write", "value": "k3", "account": "c"}),
        call("newest", "r", 3, 4, asked={"f": "read"}),
        call("probe", "/", 1, 2),
    )
    assert audit.accounts(story) == {"a", "b", "c"}


def test_the_truth_is_kept_as_the_checkers_read_it() -> None:
    (record,) = audit.records({"seats": [{"number": 1}]}, 5.0)
    assert record == Record(5.0, "auditor", "ok", "truth", "seats", [{"number": 1}])
