from typing import Any

import pytest

from gamedays.checkers.overload import amplification, goodput
from gamedays.history import PHASE, TRIED, History, Record
from tests.unit.gamedays.script import heal, history, truth


def tried(at: float, **pools: tuple[int, int]) -> list[Record]:
    counted = {name: {"requests": n, "retries": m} for name, (n, m) in pools.items()}
    return [Record(at, "observer", "info", PHASE, TRIED, counted)]


def charged(count: int) -> list[Record]:
    return truth("charges", [{"reference": f"o{n}"} for n in range(count)])


def test_each_request_sent_about_once_is_no_storm() -> None:
    before = tried(-1.0, orders=(1_000, 900), acquirer=(50, 0))
    after = tried(101.0, orders=(1_100, 905), acquirer=(155, 5))
    verdict = amplification(1.2)(history(before, after, charged(100)))
    assert verdict.valid, verdict.detail
    assert verdict.figures == {"attempts": 1.1}


@pytest.mark.parametrize(
    ("orders", "acquirer", "named"),
    [
        ((100, 21), (100, 0), "1.21 attempts for each request to orders"),  # the balancer's
        ((100, 0), (121, 0), "1.21 attempts for each request to acquirer"),  # its caller's
        ((100, 0), (110, 11), "1.21 attempts for each request to acquirer"),  # both
    ],
)
def test_a_storm_is_seen_whoever_makes_it(
    orders: tuple[int, int], acquirer: tuple[int, int], named: str
) -> None:
    story = history(tried(-1.0), tried(101.0, orders=orders, acquirer=acquirer), charged(100))
    verdict = amplification(1.2)(story)
    assert verdict.valid is False
    assert named in verdict.detail


def test_what_cannot_be_counted_is_no_pass() -> None:
    once = tried(101.0, acquirer=(100, 0))
    assert amplification(1.2)(history(once, charged(100))).valid is None
    begun_anew = history(tried(-1.0, acquirer=(500, 0)), once, charged(100))
    assert amplification(1.2)(begun_anew).valid is None
    nothing = history(tried(-1.0), tried(101.0, orders=(5, 0)), charged(0))
    assert amplification(1.2)(nothing).valid is None


def backlog(*told_at: float | None, healed: float = 40.0) -> History:
    """Orders placed at 30 s, and when each buyer was told what became of it."""
    orders: list[dict[str, Any]] = [
        {"id": f"o{n}", "earlier": False, "placed_at": 30.0} for n in range(len(told_at))
    ]
    mails: list[dict[str, Any]] = [
        {"order_id": f"o{n}", "kind": "OrderConfirmed", "told_at": at}
        for n, at in enumerate(told_at)
        if at is not None
    ]
    placed = [{"order_id": row["id"], "kind": "OrderPlaced", "told_at": 30.1} for row in orders]
    return history(heal(healed), truth("orders", orders), truth("email", [*placed, *mails]))


def test_a_backlog_that_goes_in_time_is_good() -> None:
    verdict = goodput(30, 0.75)(backlog(69.9, 50.0, 45.0, None))
    assert verdict.valid, verdict.detail
    assert verdict.figures == {"goodput": 0.75}


def test_a_backlog_that_stays_is_not() -> None:
    assert goodput(30, 0.95)(backlog(45.0, 50.0, 60.0, 70.1)).valid is False
    assert goodput(30, 0.95)(backlog(None, None)).valid is False


def test_what_was_placed_a_moment_ago_is_not_late() -> None:
    fresh = [{"id": "o1", "earlier": False, "placed_at": 66.0}]
    old = [{"id": "o2", "earlier": False, "placed_at": 64.0}]
    mail = [{"order_id": "o2", "kind": "OrderDeclined", "told_at": 65.0}]
    story = history(heal(40.0), truth("orders", fresh + old), truth("email", mail))
    assert goodput(30, 1.0)(story).valid


def test_without_a_heal_or_with_too_short_a_load_nobody_knows() -> None:
    orders, mail = truth("orders", []), truth("email", [])
    assert goodput(30, 0.95)(history(orders, mail)).valid is None
    assert goodput(30, 0.95)(backlog(45.0, healed=80.0)).valid is None
    assert goodput(30, 0.95)(history(heal(40.0), orders, mail)).valid is None
