from gamedays.workloads.observer import balancers, brokers, counted, postgres_hosts, stores
from loadtests.watch.seen import (
    BalancerSeen,
    Gone,
    InstanceSeen,
    PoolSeen,
    PostgresSeen,
    RedisMember,
    RedisSeen,
    Seen,
)


def balancer(name: str, **states: str) -> BalancerSeen:
    instances = tuple(InstanceSeen(f"orders-{z}-1", state=s) for z, s in states.items())
    return BalancerSeen(name, "a", "east", 1.0, (PoolSeen("orders", "p2c", False, instances),))


def test_an_instance_is_up_while_one_balancer_would_send_to_it() -> None:
    seen = balancers(
        {
            "balancer-a": balancer("balancer-a-1", a="ejected", b="up"),
            "balancer-b": balancer("balancer-b-1", a="up", b="up"),
        }
    )
    assert seen == {
        "balancer-a-1": "up", "balancer-b-1": "up", "orders-a-1": "up", "orders-b-1": "up",
    }  # fmt: skip
    both = balancers(
        {
            "balancer-a": balancer("balancer-a-1", a="ejected"),
            "balancer-b": balancer("balancer-b-1", a="failing"),
        }
    )
    assert both["orders-a-1"] != "up"


def test_what_balancers_count_is_known_once_each_has_told() -> None:
    pool = PoolSeen("orders", "p2c", False, (), requests=10, retries=2)
    one = BalancerSeen("balancer-a-1", "a", "east", 1.0, (pool,))
    assert counted([one, one]) == {"orders": {"requests": 20, "retries": 4}}
    assert counted([one, Gone("refused")]) == {}


def test_a_balancer_that_does_not_answer_has_no_say() -> None:
    looks = balancers(
        {"balancer-a": Gone("refused"), "balancer-b": balancer("balancer-b-1", a="gone")}
    )
    assert looks == {"balancer-a-1": "away", "balancer-b-1": "up", "orders-a-1": "gone"}


def test_stores_are_named_as_the_fault_script_names_them() -> None:
    look = Seen(
        0.0,
        redis=RedisSeen(
            "ok",
            (
                RedisMember("redis-a-1", "a", True, True, 5461, None),
                RedisMember("redis-b-2", "b", False, True, 0, "redis-a-1"),
                RedisMember("redis-c-1", "c", True, False, 0, None),
            ),
        ),
        postgres={"postgres-a": PostgresSeen("primary"), "postgres-b": Gone("refused")},
    )
    assert stores(look) == {
        "redis-a-1": "primary", "redis-b-2": "replica", "redis-c-1": "away",
        "postgres-a-1": "primary", "postgres-b-1": "away",
    }  # fmt: skip


def test_who_does_not_answer_tells_nothing_of_others() -> None:
    assert stores(Seen(0.0)) == {}
    assert brokers(["kafka-a"], None) == {}


def test_a_broker_is_away_when_the_cluster_says_so() -> None:
    known = ["kafka-a", "kafka-b"]
    assert brokers(known, frozenset({"kafka-a"})) == {"kafka-a-1": "up", "kafka-b-1": "away"}


def test_the_servers_of_a_dsn() -> None:
    dsn = "postgresql://orders:secret@postgres-a:5432,postgres-b:5432/orders?x=y"
    assert postgres_hosts(dsn) == ["postgres-a", "postgres-b"]
    assert postgres_hosts("") == []
