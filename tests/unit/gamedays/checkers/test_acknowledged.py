from typing import Any

import pytest

from gamedays.checkers.acknowledged import acknowledged
from gamedays.history import Record
from tests.unit.gamedays.script import bought, call, history, truth


def row(order: str, key: str | None, seats: list[int], *, ours: bool = True) -> dict[str, Any]:
    return {"id": order, "key": key, "seats": seats, "ours": ours}


GOOD: list[list[Record]] = [bought("k1", "o1", [1]), bought("k2", "o2", [2, 3], at=20.0)]
LEDGER = [row("o1", "k1", [1]), row("o2", "k2", [3, 2])]


def test_all_there_is_valid() -> None:
    verdict = acknowledged(history(*GOOD, truth("orders", LEDGER)))
    assert verdict.valid
    assert verdict.figures == {"acknowledged": 2, "lost": 0, "duplicated": 0}


def test_an_order_that_is_gone_is_lost() -> None:
    verdict = acknowledged(history(*GOOD, truth("orders", LEDGER[:1])))
    assert verdict.valid is False
    assert verdict.figures["lost"] == 1
    assert "o2 was acknowledged and is gone" in verdict.detail


def test_an_order_with_other_seats_is_lost() -> None:
    ledger = [LEDGER[0], row("o2", "k2", [3, 4])]
    verdict = acknowledged(history(*GOOD, truth("orders", ledger)))
    assert verdict.valid is False
    assert verdict.figures["lost"] == 1


BODY = {"account": "a1", "show_id": 7, "seats": 2}
PLACED = {"order": "o3", "seats": [4, 5]}
THERE = {**row("o3", "k3", [4, 5]), "account_id": "a1", "show_id": 7}


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        ({"show_id": 8}, "show"),
        ({"account_id": "a2", "ours": False}, "account"),
        ({"key": "k1"}, "key"),
        ({"seats": [4]}, "seats"),
    ],
)
def test_an_order_that_is_not_the_one_that_was_asked_for_is_lost(
    changed: dict[str, Any], what: str
) -> None:
    bought_it = call("order", "k3", 30.0, 30.1, asked=BODY, answered=PLACED)
    assert acknowledged(history(*GOOD, bought_it, truth("orders", [*LEDGER, THERE]))).valid
    ledger = [*LEDGER, {**THERE, **changed}]
    verdict = acknowledged(history(*GOOD, bought_it, truth("orders", ledger)))
    assert verdict.valid is False
    assert verdict.figures["lost"] == 1
    assert f"o3 was acknowledged with other {what}" in verdict.detail


def test_fewer_seats_than_were_asked_for_are_lost_whatever_the_answer_says() -> None:
    fewer = call("order", "k3", 30.0, 30.1, asked=BODY, answered={"order": "o3", "seats": [4]})
    ledger = [*LEDGER, {**THERE, "seats": [4]}]
    assert acknowledged(history(*GOOD, fewer, truth("orders", ledger))).valid is False


def test_every_answer_counts_and_not_the_last_alone() -> None:
    first = bought("k3", "o3", [4, 6], at=30.0)
    again = bought("k3", "o3", [4, 5], at=40.0)
    verdict = acknowledged(history(*GOOD, first, again, truth("orders", [*LEDGER, THERE])))
    assert verdict.valid is False
    assert verdict.figures["lost"] == 1


def test_orders_of_a_register_are_orders() -> None:
    asked = {"f": "write", "value": "k3", "account": "a1", "show_id": 7}
    placed = call("newest", "register", 30.0, 30.1, asked=asked, answered={"value": "o3"})
    read = call("newest", "register", 31.0, 31.1, asked={"f": "read"}, answered={"value": "o3"})
    story = [*GOOD, placed, read]
    verdict = acknowledged(history(*story, truth("orders", [*LEDGER, THERE])))
    assert verdict.valid, verdict.detail
    assert verdict.figures["acknowledged"] == 3
    gone = acknowledged(history(*story, truth("orders", LEDGER)))
    assert gone.valid is False
    assert gone.figures["lost"] == 1
    twice = {**THERE, "id": "o4", "key": "never sent"}
    assert acknowledged(history(*story, truth("orders", [*LEDGER, THERE, twice]))).valid is False


def test_a_key_that_was_told_two_orders_is_doubled() -> None:
    again = bought("k1", "o3", [9], at=30.0)
    ledger = [*LEDGER, row("o3", "k1", [9])]
    verdict = acknowledged(history(*GOOD, again, truth("orders", ledger)))
    assert verdict.valid is False
    assert verdict.figures["duplicated"] == 2  # seen by the client, and in the ledger


def test_two_keys_that_were_told_one_order_are_doubled() -> None:
    shared = bought("k3", "o1", [1], at=30.0)
    verdict = acknowledged(history(*GOOD, shared, truth("orders", LEDGER)))
    assert verdict.valid is False
    assert verdict.figures["duplicated"] == 1


def test_a_second_order_that_nobody_was_told_of_is_doubled() -> None:
    ledger = [*LEDGER, row("o3", "k1", [9])]
    verdict = acknowledged(history(*GOOD, truth("orders", ledger)))
    assert verdict.valid is False


def test_an_order_that_nobody_asked_for_is_unexpected() -> None:
    for key in ("never sent", None):
        ledger = [*LEDGER, row("o3", key, [9])]
        verdict = acknowledged(history(*GOOD, truth("orders", ledger)))
        assert verdict.valid is False
        assert "o3 was asked for by nobody" in verdict.detail


def test_other_peoples_orders_are_no_concern() -> None:
    ledger = [*LEDGER, row("o3", "another's", [9], ours=False)]
    assert acknowledged(history(*GOOD, truth("orders", ledger))).valid


def test_an_unknown_order_may_be_there_or_not() -> None:
    unknown = call("order", "k3", 40.0, 55.0, "info")
    for ledger in (LEDGER, [*LEDGER, row("o3", "k3", [9])]):
        assert acknowledged(history(*GOOD, unknown, truth("orders", ledger))).valid


def test_an_order_whose_key_was_refused_at_last_is_unexpected() -> None:
    asked = call("order", "k3", 40.0, 45.0, "info")
    refused = call("order", "k3", 46.0, 46.1, "fail", answered={"status": 409})
    verdict = acknowledged(
        history(*GOOD, asked, refused, truth("orders", [*LEDGER, row("o3", "k3", [9])]))
    )
    assert verdict.valid is False
    assert "o3 is there and was refused" in verdict.detail
    assert verdict.figures["duplicated"] == 1
    assert acknowledged(history(*GOOD, asked, refused, truth("orders", LEDGER))).valid


@pytest.mark.parametrize("status", [401, 429])
def test_who_was_not_heard_was_not_refused(status: int) -> None:
    ledger = [*LEDGER, row("o3", "k3", [9])]
    asked = call("order", "k3", 40.0, 45.0, "info")
    away = call("order", "k3", 46.0, 46.1, "fail", answered={"status": status})
    assert acknowledged(history(*GOOD, asked, away, truth("orders", ledger))).valid


def test_only_the_last_word_counts() -> None:
    refused = call("order", "k3", 40.0, 40.1, "fail", answered={"status": 409})
    placed = bought("k3", "o3", [9], at=41.0)
    ledger = [*LEDGER, row("o3", "k3", [9])]
    assert acknowledged(history(*GOOD, refused, placed, truth("orders", ledger))).valid


def test_the_same_answer_to_the_same_key_is_no_second_order() -> None:
    again = bought("k1", "o1", [1], at=50.0)
    assert acknowledged(history(*GOOD, again, truth("orders", LEDGER))).valid


def test_a_run_in_which_nothing_was_acknowledged_shows_nothing() -> None:
    refused = call("order", "k1", 1.0, 2.0, "fail")
    verdict = acknowledged(history(refused, truth("orders", [])))
    assert verdict.valid is False
    assert "nothing was acknowledged" in verdict.detail
