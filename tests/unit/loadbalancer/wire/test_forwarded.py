"""Who asked, as it is told to those behind us."""

import pytest

from loadbalancer.wire.forwarded import EVERYBODY, Teller, Trust
from loadbalancer.wire.request import RequestHead

PRIVATE = ("10.0.0.0/8", "fd00::/8")


@pytest.mark.parametrize(
    ("networks", "peer", "trusted"),
    [
        ((), b"10.0.0.1", False), (PRIVATE, b"10.0.0.1", True), (PRIVATE, b"11.0.0.1", False),
        (PRIVATE, b"fd00::1", True), (PRIVATE, b"::ffff:10.0.0.1", True), (PRIVATE, b"::1", False),
        (PRIVATE, b"unknown", False), (EVERYBODY, b"9.9.9.9", True),
        (EVERYBODY, b"2001:db8::1", True),
    ],
)  # fmt: skip
def test_who_is_trusted(networks: tuple[str, ...], peer: bytes, trusted: bool) -> None:
    assert Trust(networks).covers(peer) is trusted


@pytest.mark.parametrize(
    ("told", "peer", "client"),
    [
        (b"", b"9.9.9.9", b"9.9.9.9"),
        (b"1.1.1.1", b"9.9.9.9", b"9.9.9.9"),  # a stranger can claim anything
        (b"1.1.1.1", b"10.0.0.1", b"1.1.1.1"),
        (b"6.6.6.6, 1.1.1.1, 10.0.0.2", b"10.0.0.1", b"1.1.1.1"),  # 6.6.6.6 is what 1.1.1.1 claims
        (b"10.0.0.3", b"10.0.0.1", b"10.0.0.3"),
    ],
)
def test_who_asked_first(told: bytes, peer: bytes, client: bytes) -> None:
    assert Trust(PRIVATE).client(told, peer) == client


def lines(given: list[bytes], forwarded_for: bytes, peer: bytes = b"9.9.9.9") -> list[bytes]:
    head = RequestHead(b"GET", b"/", 1, [])
    head.forwarded, head.forwarded_for = given or None, forwarded_for
    return Teller(b"http").further(head, peer, b"x")


@pytest.mark.parametrize(
    ("peer", "host", "forwarded"),
    [
        (b"9.9.9.9", b"x", b"for=9.9.9.9;host=x;proto=http"),
        (b"9.9.9.9", b"x:80", b'for=9.9.9.9;host="x:80";proto=http'),
        (b"2001:db8::1", b"x", b'for="[2001:db8::1]";host=x;proto=http'),
        (b"unknown", b"x", b"for=unknown;host=x;proto=http"),
    ],
)
def test_the_first_hop(peer: bytes, host: bytes, forwarded: bytes) -> None:
    teller = Teller(b"http")
    for _ in range(2):
        assert teller.first(peer, host).split(b"\r\n") == [
            b"X-Forwarded-For: " + peer, b"X-Forwarded-Proto: http",
            b"X-Forwarded-Host: " + host, b"Forwarded: " + forwarded,
        ]  # fmt: skip


def test_a_further_hop_adds_itself_and_changes_nothing() -> None:
    got = lines([b"x-forwarded-proto: https", b"Forwarded: for=1.1.1.1;proto=https",
                 b"X-Forwarded-Port: 443"], b"1.1.1.1")  # fmt: skip
    assert got == [
        b"x-forwarded-proto: https", b"X-Forwarded-Port: 443", b"X-Forwarded-Host: x",
        b"X-Forwarded-For: 1.1.1.1, 9.9.9.9",
        b"Forwarded: for=1.1.1.1;proto=https, for=9.9.9.9;host=x;proto=http",
    ]  # fmt: skip


def test_the_older_field_is_taken_over_where_forwarded_is_missing() -> None:
    got = lines([], b"1.1.1.1, ::1, <nonsense>")
    assert got[-1] == (
        b'Forwarded: for=1.1.1.1, for="[::1]", for=unknown, for=9.9.9.9;host=x;proto=http'
    )
