"""Leases, buckets, and who a caller is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.decisions import (
    LEASE_SECONDS,
    Bucket,
    Grant,
    Lease,
    Limit,
    client_address,
    find_token,
)

LIMIT = Limit(rate=50, burst=100)  # a share is 5


def take_all(lease: Lease, now: float) -> int:
    taken = 0
    while lease.take(now):
        taken += 1
    return taken


def test_a_share_is_a_twentieth_and_at_least_one() -> None:
    assert (LIMIT.share, Limit(1, 3).share, Limit(2000, 4000).share) == (5, 1, 200)


def test_a_bucket_is_kept_until_it_would_be_full() -> None:
    assert Limit(rate=50, burst=100).lapse_seconds == 3
    assert Limit(rate=0.1, burst=1).lapse_seconds == 11


class TestBucket:
    def test_gives_the_burst_and_then_the_rate(self) -> None:
        bucket = Bucket(LIMIT, now=0)
        assert bucket.take(1000, 0) == Grant(100)
        assert bucket.take(1, 0) == Grant(0, 1 / 50)
        assert bucket.take(1000, 1) == Grant(50)

    def test_holds_no_more_than_the_burst(self) -> None:
        bucket = Bucket(LIMIT, now=0)
        bucket.take(60, 0)
        assert bucket.take(1000, 100) == Grant(100)

    @given(st.lists(st.tuples(st.floats(0, 2), st.integers(1, 40)), max_size=60))
    def test_never_more_than_burst_and_rate_allow(self, steps: list[tuple[float, int]]) -> None:
        bucket, now, given_out = Bucket(LIMIT, 0), 0.0, 0
        for pause, wanted in steps:
            now += pause
            given_out += bucket.take(wanted, now).tokens
            assert given_out <= LIMIT.burst + LIMIT.rate * now + 1e-6


class TestLease:
    def test_the_first_share_is_given_out_unasked(self) -> None:
        assert take_all(Lease(LIMIT), 0) == LIMIT.share

    def test_a_modest_caller_never_needs_the_bucket(self) -> None:
        lease = Lease(LIMIT)
        for second in range(100):
            assert all(lease.take(second * LEASE_SECONDS) for _ in range(LIMIT.share - 1))

    def test_who_needs_more_pays_for_the_first_share_as_well(self) -> None:
        lease = Lease(LIMIT)
        take_all(lease, 0)
        assert lease.wanted == 2 * LIMIT.share
        lease.add(Grant(2 * LIMIT.share), 0.1)
        assert take_all(lease, 0.1) == LIMIT.share
        assert lease.wanted == LIMIT.share

    def test_tokens_lapse(self) -> None:
        lease = Lease(LIMIT)
        take_all(lease, 0)
        lease.add(Grant(2 * LIMIT.share), 0)
        assert lease.take(0)
        assert take_all(lease, LEASE_SECONDS) == LIMIT.share  # an advance, not 4 more and 5

    def test_who_used_all_up_is_given_no_advance(self) -> None:
        lease = Lease(LIMIT)
        take_all(lease, 0)
        assert not lease.take(LEASE_SECONDS)
        assert lease.wanted == LIMIT.share

    def test_an_empty_bucket_is_left_alone_for_the_time_of_a_share(self) -> None:
        lease = Lease(LIMIT)
        take_all(lease, 0)
        lease.add(Grant(0, wait=0.02), 0)
        assert not lease.take(0)
        assert lease.refused(0) == pytest.approx(LIMIT.share / LIMIT.rate)
        assert lease.refused(0.11) == 0

    def test_a_long_wait_is_kept_to(self) -> None:
        lease = Lease(Limit(rate=0.1, burst=1))
        take_all(lease, 0)
        lease.add(Grant(0, wait=30), 0)
        assert lease.refused(10) == pytest.approx(20)

    @given(
        st.lists(st.tuples(st.floats(0, 1.5), st.integers(0, 60), st.booleans()), max_size=60),
        st.integers(1, 3),
    )
    def test_all_instances_together_keep_to_the_bucket(
        self, steps: list[tuple[float, int, bool]], instances: int
    ) -> None:
        """Over by one advance an instance and period at most, and those only below the rate."""
        bucket, now, admitted, advances = Bucket(LIMIT, 0), 0.0, 0, 0
        leases = [Lease(LIMIT) for _ in range(instances)]
        for pause, requests, last in steps:
            now += pause
            lease = leases[-1 if last else 0]
            for _ in range(requests):
                while not (taken := lease.take(now)) and not lease.refused(now):
                    lease.add(bucket.take(lease.wanted, now), now)
                admitted += taken
            periods = now / LEASE_SECONDS + 1
            advances = int(periods + 1) * instances * LIMIT.share
            assert admitted <= LIMIT.burst + LIMIT.rate * now + advances


@pytest.mark.parametrize(
    ("forwarded", "hops", "address"),
    [
        (None, 1, "peer"),
        ("", 1, "peer"),
        ("203.0.113.9", 1, "203.0.113.9"),
        ("made up, 203.0.113.9", 1, "203.0.113.9"),
        ("made up, 203.0.113.9, 10.0.0.1", 2, "203.0.113.9"),
        ("203.0.113.9", 2, "203.0.113.9"),
        ("made up", 0, "peer"),
        ("a, ", 1, "peer"),
        ("2001:db8::1", 1, "2001:db8::1"),
    ],
)
def test_the_address_is_what_our_own_proxy_wrote(
    forwarded: str | None, hops: int, address: str
) -> None:
    assert client_address(forwarded, "peer", hops) == address


@pytest.mark.parametrize(
    ("authorization", "cookie", "token"),
    [
        (None, None, None),
        ("Bearer abc", None, "abc"),
        ("bearer  abc ", "session=other", "abc"),
        ("Basic abc", None, None),
        ("Basic abc", "session=abc", "abc"),
        (None, "session=abc", "abc"),
        (None, "a=b; session=abc; c=d", "abc"),
        (None, "xsession=abc", None),
        (None, "session", ""),
    ],
)
def test_the_token_is_in_the_header_or_in_the_cookie(
    authorization: str | None, cookie: str | None, token: str | None
) -> None:
    assert find_token(authorization, cookie) == token
