"""Whose word about the Redis cluster counts; the members are given, no server is asked."""

import asyncio

import pytest

from loadtests.watch import collect
from loadtests.watch.collect import Addresses, Collector
from loadtests.watch.seen import Gone, RedisSeen

OK, FAIL = RedisSeen("ok", ()), RedisSeen("fail", ())


async def word_of(
    monkeypatch: pytest.MonkeyPatch, answers: list[RedisSeen | Exception]
) -> RedisSeen | Gone:
    """What is shown if the members answer so, the first one first."""
    left = iter(enumerate(answers))

    async def ask(_: object) -> RedisSeen:
        turn, answer = next(left)
        for _turn in range(turn):
            await asyncio.sleep(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(collect, "_ask_redis", ask)
    where = Addresses((), "", (), tuple(f"redis-{n}:6379" for n in range(len(answers))), "", "")
    async with Collector(where) as collector:
        return (await collector.look()).redis


async def test_a_member_that_is_cut_off_is_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert await word_of(monkeypatch, [FAIL, OK, FAIL]) is OK


async def test_if_all_are_in_trouble_that_is_what_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    assert await word_of(monkeypatch, [ConnectionError(), FAIL, FAIL]) is FAIL


async def test_if_nobody_answers_it_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    assert await word_of(monkeypatch, [ConnectionError()]) == Gone("refused")
