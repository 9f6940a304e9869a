"""Heads that repeat are read once; those that do not are not even looked for."""

from loadbalancer.wire.limits import Limits
from loadbalancer.wire.memo import Memo
from loadbalancer.wire.request import RequestParser
from loadbalancer.wire.response import ResponseParser

GET = b"GET / HTTP/1.1\r\nHost: x\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n"


def test_the_same_bytes_are_read_once() -> None:
    requests, answers = RequestParser(Limits()), ResponseParser(Limits())
    assert requests.read(GET + b"\r\n") is requests.read(GET + b"\r\n")
    assert answers.read(OK + b"\r\n", b"GET") is answers.read(OK + b"\r\n", b"POST")


def test_what_is_secret_or_an_id_is_not_kept() -> None:
    requests, answers = RequestParser(Limits()), ResponseParser(Limits())
    for line in (b"Cookie: a=b", b"Authorization: Bearer x", b"Idempotency-Key: k"):
        raw = GET + line + b"\r\n\r\n"
        assert requests.read(raw) is not requests.read(raw)
    raw = OK + b"Set-Cookie: a=b\r\n\r\n"
    assert answers.read(raw, b"GET") is not answers.read(raw, b"GET")


def test_an_answer_to_head_is_another_one() -> None:
    answers = ResponseParser(Limits())
    assert not answers.read(OK + b"\r\n", b"GET").bodyless
    assert answers.read(OK + b"\r\n", b"HEAD").bodyless
    assert not answers.read(OK + b"\r\n", b"GET").bodyless


def test_it_is_bounded_and_rests_while_nothing_repeats() -> None:
    memo: Memo[int] = Memo()
    for at in range(100_000):
        raw = b"%d" % at
        assert memo.get(raw) is None
        memo.keep(raw, at)
        assert len(memo._known) <= 512
    looked = 0
    for at in range(20_000):  # from now on they do
        found = memo.get(b"same")
        looked += found is not None
        memo.keep(b"same", at)
    assert looked > 10_000


def test_big_heads_are_not_kept() -> None:
    memo: Memo[int] = Memo()
    memo.keep(b"x" * 1_025, 1)
    assert memo.get(b"x" * 1_025) is None
