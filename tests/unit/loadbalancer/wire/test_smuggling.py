"""The table of tests/fuzz: rejected, or passed on so that it can be read in one way only."""

import random

import pytest

from tests.fuzz import answers, reader, smuggling
from tests.fuzz.mutate import mutate

CASES = list(smuggling.cases())
ANSWERS = list(answers.cases())
PARTS = 8
LONG = 3_000
FLOOR = 20_000, 10_000
"""Cases that there are at least: a table that generates nothing would find nothing."""


def cuts(chance: random.Random, raw: bytes) -> list[int]:
    return sorted(chance.randrange(len(raw) + 1) for _ in range(3))


def judge(case: smuggling.Case, chance: random.Random) -> list[reader.Meaning]:
    if len(case.raw) > LONG:  # byte by byte would take long
        whole = reader.forward([case.raw])
        assert reader.forward(reader.cut(case.raw, cuts(chance, case.raw))) == whole
        return [reader.check(sent) for sent in whole.requests]
    return reader.judge(case.raw, cuts(chance, case.raw))[1]


def test_the_tables_are_long() -> None:
    assert (len(CASES), len(ANSWERS)) >= FLOOR
    assert len({case.raw for case in CASES}) > FLOOR[0] * 0.8


@pytest.mark.parametrize("part", range(PARTS))
def test_requests(part: int) -> None:
    chance, passed = random.Random(part), 0
    for case in CASES[part::PARTS]:
        meanings = judge(case, chance)
        passed += bool(meanings)
        assert not (case.must_fail and meanings), case
        if meanings:
            assert reader.agrees_with_h11(case.raw, meanings[0]), case
            assert b"smuggled" not in meanings[0].target, case
    assert passed > 100


@pytest.mark.parametrize("part", range(PARTS))
def test_answers(part: int) -> None:
    chance, passed = random.Random(part), 0
    for case, method in ANSWERS[part::PARTS]:
        answer = answers.judge(case.raw, cuts(chance, case.raw), method)
        passed += answer.end == answers.COMPLETE
        assert not (case.must_fail and answer.end != answers.REJECTED), case
        if answer.end == answers.COMPLETE:
            assert b"poison" not in answers.read(answer.sent, method)[1] or _may(answer.sent), case
    assert passed > 100


def _may(sent: bytes) -> bool:
    """After an interim answer it is the answer, and where nothing ends a body it belongs to it."""
    return sent.startswith(b"HTTP/1.1 1") or b"\r\nTransfer-Encoding: chunked\r\n" in sent


@pytest.mark.parametrize("seed", range(4))
def test_damaged_ones(seed: int) -> None:
    chance = random.Random(seed)
    corpus = [case.raw for case in CASES if len(case.raw) < LONG]
    for _ in range(400):
        raw = mutate(chance, corpus)
        _, meanings = reader.judge(raw, cuts(chance, raw))
        assert not meanings or reader.agrees_with_h11(raw, meanings[0]), raw


SOUND = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"


@pytest.mark.parametrize(
    ("sound", "hole"),
    [
        (b"Host: a\r\n", b"Host: a\r\nHost: a\r\n"),
        (b"Host: a\r\n", b""),
        (b"Content-Length: 5", b"Content-Length: 5\r\nTransfer-Encoding: chunked"),
        (b"Content-Length: 5", b"Content-Length: 5\r\nContent-Length: 5"),
        (b"Content-Length: 5", b"Content-Length: 4"),
        (b"Content-Length: 5", b"Content-Length: 6"),
        (b"Content-Length: 5", b"Content-Length: +5"),
        (b"Content-Length: 5", b"Content-Length: 5\r\nContent_Length: 5"),
        (b"Content-Length: 5", b"Content-Length : 5"),
        (b"Content-Length: 5", b"Transfer-Encoding: xchunked"),
        (b"Host: a\r\n", b"Host: a\n"),
        (b"Host: a\r\n", b"Host: a\r\nA: b\x00\r\n"),
        (b"Host: a\r\n", b"Host: a\r\nTE: trailers\r\n"),
        (b"POST /", b"POST http://a/"),
        (b"HTTP/1.1", b"HTTP/1.0"),
    ],
)
def test_the_second_opinion_sees_a_hole(sound: bytes, hole: bytes) -> None:
    assert reader.check(SOUND).payload == b"hello"
    with pytest.raises((AssertionError, ValueError)):
        reader.check(SOUND.replace(sound, hole))


def test_the_second_opinion_on_answers_sees_a_hole() -> None:
    assert answers.read(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na", b"GET") == (200, b"a")
    for hole in (
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 204 No\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n",
    ):
        with pytest.raises(AssertionError):
            answers.read(hole, b"GET")
