from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from loadtests.watch.model import Watcher
from loadtests.watch.seen import (
    Gone,
    KafkaSeen,
    PostgresSeen,
    RedisMember,
    RedisSeen,
    Seen,
    read_state,
)
from loadtests.watch.view import view
from tests.unit.loadtests.watch.sample import instance, state

KAFKA = KafkaSeen(
    frozenset({"kafka-a", "kafka-c"}),
    {
        "payments": 12,
        "orders": 0,
        "catalog": 0,
        "tickets": 0,
        "email": 0,
        "text": 0,
        "statistics": 3,
    },
    2,
)
REDIS = RedisSeen(
    "ok",
    (
        RedisMember("redis-a-1", "a", True, True, 5461, None),
        RedisMember("redis-b-2", "b", False, True, 0, "redis-a-1"),
        RedisMember("redis-b-1", "b", True, False, 5462, None),
        RedisMember("redis-c-2", "c", False, True, 0, "redis-b-1"),
        RedisMember("redis-c-1", "c", True, True, 5461, None),
        RedisMember("redis-a-2", "a", False, True, 0, "redis-c-1"),
    ),
)


def a_look(told: dict[str, Any], **more: Any) -> Seen:
    parts: dict[str, Any] = {
        "kafka": KAFKA,
        "brokers": ("kafka-a", "kafka-b", "kafka-c"),
        "redis": REDIS,
        "postgres": {
            "postgres-a": PostgresSeen("replica"),
            "postgres-b": PostgresSeen("replica"),
            "postgres-c": PostgresSeen("primary", '"postgres-b-1"'),
        },
        "breakers": {"payments-a-1": {"acquirer": "open"}},
        "balancers": {"balancer-a": read_state(told), "balancer-b": Gone("refused")},
    }
    return Seen(0.0, **{**parts, **more})


def lines(seen: Seen, width: int = 100, height: int = 40) -> list[str]:
    out = StringIO()
    picture = Watcher().picture(seen)
    Console(file=out, width=width, height=height).print(view(picture, height))
    return [line.rstrip() for line in out.getvalue().splitlines()]


def line_with(shown: list[str], word: str) -> str:
    return next(line for line in shown if word in line)


def test_everything_is_there() -> None:
    told = state(orders_a_1={"state": "ejected", "reason": "5 errors in a row"})
    shown = lines(a_look(told))
    assert "✖ balancer-b gone: refused" in shown[0]
    assert "● balancer-a up 1 h" in shown[0]
    assert "1 of 2 up" in line_with(shown, "orders  ")
    assert "◍ ejected  5 errors in a row" in line_with(shown, "orders-a-1")
    assert "30.5" in line_with(shown, "catalog-b-1")
    page = "\n".join(shown)
    for words in (
        "✖ b",
        "payments 12",
        "2 dead letters",
        "● a-1  primary",
        "✖ b-1  primary",
        "● b-2  replica",
        "● a  replica  ",
        "● b  replica, synchronous",
        "● c  primary",
        "acquirer open  payments-a-1",
    ):
        assert words in page


def test_the_usual_cluster_fits_a_terminal_of_100_by_40() -> None:
    shown = lines(a_look(state()))
    assert len(shown) <= 40
    assert max(map(len, shown)) <= 100
    assert "notifications-b-1" in "\n".join(shown)


def test_what_is_well_folds_up_before_what_is_not() -> None:
    told = state(sessions_b_1={"state": "failing", "reason": "timeout"})
    told["pools"]["orders"]["instances"] += [instance(f"orders-a-{n}") for n in range(2, 20)]
    shown = lines(a_look(told), height=40)
    assert len(shown) <= 40
    assert "sessions-b-1" in "\n".join(shown)
    assert "20 of 20 up" in "\n".join(shown)
    assert "orders-a-12" not in "\n".join(shown)


def test_groups_that_wait_are_shown_before_those_that_do_not() -> None:
    lag = {f"group-{n}": 0 for n in range(20)} | {"payments": 7}
    shown = "\n".join(lines(a_look(state(), kafka=KafkaSeen(frozenset(), lag, 0))))
    assert "payments 7" in shown
    assert "lag of 21 groups" in shown
    assert "0 dead letters" in shown


@pytest.mark.parametrize("part", ["kafka", "redis"])
def test_a_part_without_a_word_says_why(part: str) -> None:
    shown = "\n".join(lines(a_look(state(), **{part: Gone("no answer in 0.8 s")})))
    assert "✖ no word  no answer in 0.8 s" in shown


def test_everything_dead_is_still_a_picture() -> None:
    dead = Gone("refused")
    shown = "\n".join(
        lines(
            Seen(
                0.0,
                balancers={"balancer-a": dead, "balancer-b": dead},
                kafka=dead,
                redis=dead,
                postgres={"postgres-c": dead},
            )
        )
    )
    assert "no balancer answers" in shown
    assert "✖ c  refused" in shown
    assert "0 breakers, all closed" in shown
