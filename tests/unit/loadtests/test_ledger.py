from pathlib import Path

import pytest

from loadtests.ledger import LEDGER, Account, Entry, Ledger, read_accounts, read_entries

BEGUN = Entry.begun("k1", "a@example.com", show_id=7, wanted=2, card="tok_ok", now=10.0)


@pytest.mark.parametrize("status", [200, 201])
def test_acknowledged_when_the_answer_says_so(status: int) -> None:
    entry = BEGUN.answered(status, b'{"id": "o1", "seats": [4, 5], "status": "pending"}', now=11.0)
    assert (entry.outcome, entry.order_id, entry.seats) == ("acknowledged", "o1", (4, 5))
    assert (entry.sent, entry.time) == (10.0, 11.0)


@pytest.mark.parametrize("status", [400, 409, 422])
def test_refused_when_it_surely_did_not_happen(status: int) -> None:
    assert BEGUN.answered(status, b"", now=11.0).outcome == "refused"


@pytest.mark.parametrize("status", [0, 500, 502, 503, 504])
def test_unknown_when_it_may_have_happened(status: int) -> None:
    assert BEGUN.answered(status, b"", now=11.0).outcome == "unknown"


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    known = BEGUN.answered(201, b'{"id": "o1", "seats": [4]}', now=11.0)
    ledger.account(Account("a@example.com", "secret"))
    ledger.write(BEGUN)
    ledger.write(known)
    assert ledger.counts == {"acknowledged": 1, "refused": 0, "unknown": 0}
    ledger.close()
    assert read_entries(tmp_path) == [BEGUN, known]
    assert read_accounts(tmp_path) == [Account("a@example.com", "secret")]


def test_half_a_line_is_what_a_killed_load_leaves(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.write(BEGUN)
    ledger.close()
    with (tmp_path / LEDGER).open("a") as file:
        file.write('{"outcome": "ackn')
    assert read_entries(tmp_path) == [BEGUN]


def test_a_run_without_orders_has_none(tmp_path: Path) -> None:
    assert read_entries(tmp_path) == []
