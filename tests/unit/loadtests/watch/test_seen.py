import pytest

from loadtests.watch.seen import RedisMember, read_breakers, read_cluster_nodes, read_state
from tests.unit.loadtests.watch.sample import state

NODES = """\
aaa 172.21.0.4:6379@16379,holdfast-redis-a-1 myself,master - 0 1700000000000 3 connected 0-5460
bbb 172.21.0.5:6379@16379,holdfast-redis-b-1 master,fail - 1700 1700 2 disconnected 5461-10922
ccc 172.21.0.6:6379@16379,holdfast-redis-b-2 slave aaa 0 1700000000000 3 connected
ddd 172.21.0.7:6379@16379 master - 0 1700 5 connected 10923 10924-16383 [93-<-aaa]
eee 172.21.0.8:6379@16379 handshake - 0 0 0 connected
"""


def test_a_state_is_read_with_what_it_has() -> None:
    seen = read_state(state(orders_a_1={"state": "ejected", "reason": "5 errors", "errors": 5}))
    orders = next(pool for pool in seen.pools if pool.name == "orders")
    assert (seen.name, seen.zone, seen.region, seen.uptime_s) == ("balancer-a-1", "a", "east", 3700)
    assert [one.state for one in orders.instances] == ["ejected", "up"]
    assert orders.instances[0].errors == 5


def test_a_balancer_that_says_little_is_still_read() -> None:
    seen = read_state(
        {"instance": "x", "pools": {"orders": {"instances": [{"name": "orders-a-1"}]}}}
    )
    assert seen.pools[0].instances[0].state == "gone"


def test_breakers_are_found_among_other_metrics() -> None:
    text = """\
# HELP breaker_state 0 closed, 1 half-open, 2 open
# TYPE breaker_state gauge
breaker_state{name="acquirer"} 2.0
breaker_state{name="mesh sessions"} 0.0
breaker_state{name="redis"} 1.0
breaker_state_created{name="redis"} 1.7e+09
http_requests_total{method="GET",route="/x",status="200"} 4.0
"""
    assert read_breakers(text) == {
        "acquirer": "open",
        "mesh sessions": "closed",
        "redis": "half-open",
    }


def test_members_of_the_redis_cluster() -> None:
    members = {member.name: member for member in read_cluster_nodes(NODES)}
    assert members["redis-a-1"] == RedisMember("redis-a-1", "a", True, True, 5461, None)
    assert members["redis-b-2"] == RedisMember("redis-b-2", "b", False, True, 0, "redis-a-1")
    assert not members["redis-b-1"].well


def test_a_member_without_a_name_is_its_address_and_moving_slots_do_not_count() -> None:
    members = {member.name: member for member in read_cluster_nodes(NODES)}
    assert (members["172.21.0.7"].zone, members["172.21.0.7"].slots) == ("?", 5461)


@pytest.mark.parametrize("text", ["", "\n"])
def test_no_members(text: str) -> None:
    assert read_cluster_nodes(text) == ()
