"""What ties requests to an instance."""

import random
from typing import Any

import pytest

from loadbalancer.pools.affinity import Affinity, Tie, affinity_of, cookie, is_key, token
from loadbalancer.pools.checks import Outcome, Verdict
from loadbalancer.pools.pool import Pool
from loadbalancer.pools.settings import PoolSettings


class Head:
    def __init__(self, *plain: bytes, path: bytes = b"/x") -> None:
        self.lines = list(plain)
        self.path = path


@pytest.mark.parametrize(
    ("on", "key"),
    [
        ("client", b"9.9.9.9"), ("path", b"/x"), ("header:X-User", b"u-1"), ("header:x-none", b""),
        ("cookie:sid", b"s-1"), ("cookie:none", b""),
    ],
)  # fmt: skip
def test_the_key(on: str, key: bytes) -> None:
    head = Head(b"Accept: */*", b"x-user: u-1", b"Cookie: a=b; sid=s-1; c")
    read = Affinity(PoolSettings("p", policy="hash", hash_on=on)).read(head, b"9.9.9.9")
    assert read == Tie("", key)


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (b"Cookie: lb=1", b"1"), (b"cookie: x=2; lb=1", b"1"), (b'Cookie: lb="1"', b"1"),
        (b"Cookie: lbx=1", b""), (b"Cookie: xlb=1", b""), (b"Cookie: lb", b""),
        (b"Cookies: lb=1", b""), (b"Cookie: lb=1; lb=2", b"1"), (b"Cookie: ", b""),
    ],
)  # fmt: skip
def test_a_cookie(line: bytes, found: bytes) -> None:
    assert cookie([line], b"lb") == found


@pytest.mark.parametrize(
    "text", ["", "clients", "header", "header:", "header:a b", "cookie:", "x:y"]
)
def test_what_is_no_key(text: str) -> None:
    assert not is_key(text)


def test_most_pools_treat_all_alike() -> None:
    assert affinity_of(PoolSettings("p")) is None


def test_the_cookie_is_set_when_another_instance_answered_than_it_names() -> None:
    sticky = Affinity(PoolSettings("p", sticky_cookie="lb"))
    mine = token("10.0.0.1:1")
    assert sticky.set_cookie(Tie(mine, b""), mine, secure=False) == b""
    line = sticky.set_cookie(Tie("", b""), mine, secure=False)
    assert line == b"Set-Cookie: lb=%b; Path=/; HttpOnly; SameSite=Lax" % mine.encode()
    assert sticky.set_cookie(Tie("", b""), mine, secure=True).endswith(b"; Secure")
    assert b"10.0.0.1" not in line


def pool_of(**settings: Any) -> Pool:
    pool = Pool(PoolSettings("p", **settings), "", lambda *_, **__: None, random.Random(1))
    for port in (1, 2, 3):
        pool.discovered(f"x{port}", [("10.0.0.1", port)], "", 100)
        pool.checked(pool.instances[f"10.0.0.1:{port}"], Outcome(Verdict.READY), 100)
    return pool


def test_who_has_a_cookie_meets_its_instance_while_that_is_up_and_has_room() -> None:
    pool = pool_of(sticky_cookie="lb", max_connections=5)
    mine = pool.instances["10.0.0.1:2"]
    tie = Tie(mine.token, b"")
    assert {pool.pick((), tie) for _ in range(9)} == {mine}
    assert mine not in {pool.pick((mine,), tie) for _ in range(9)}
    mine.in_flight = 5
    assert mine not in {pool.pick((), tie) for _ in range(9)}
    mine.in_flight = 0
    mine.drained = True
    pool.refresh(101)
    assert len({pool.pick((), tie) for _ in range(9)}) == 2
    assert len({pool.pick((), Tie("nobody", b"")) for _ in range(9)}) == 2


def test_a_hashed_pool_goes_by_the_key() -> None:
    pool = pool_of(policy="hash", hash_on="path")
    for path in (b"/a", b"/b", b"/c"):
        assert pool.affinity is not None
        tie = pool.affinity.read(Head(path=path), b"")
        assert len({pool.pick((), tie) for _ in range(9)}) == 1
