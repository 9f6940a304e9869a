from typing import Any

from loadtests.watch.model import Change, InstanceRow, Picture, Watcher, changes
from loadtests.watch.seen import Gone, Seen, read_state
from tests.unit.loadtests.watch.sample import POOLS, instance, state


def seen(time: float = 0.0, a: Any = None, b: Any = None, **more: Any) -> Seen:
    balancers = {
        "balancer-a": a if isinstance(a, Gone) else read_state(a or state("balancer-a-1")),
        "balancer-b": b if isinstance(b, Gone) else read_state(b or state("balancer-b-1")),
    }
    return Seen(time, balancers, **more)


def row(picture: Picture, name: str) -> InstanceRow:
    return next(one for pool in picture.pools for one in pool.instances if one.name == name)


def test_both_balancers_traffic_is_added_and_the_slower_p99_is_shown() -> None:
    slow = state("balancer-b-1", orders_a_1={"rps": 10.0, "p99_ms": 90.0})
    orders = row(Watcher().picture(seen(b=slow)), "orders-a-1")
    assert (orders.rps, orders.in_flight, orders.p99_ms) == (40.5, 2, 90.0)
    assert (orders.state, orders.reason) == ("up", "")


def test_where_they_differ_the_worse_word_is_shown_with_whose_it_is() -> None:
    ejected = state("balancer-b-1", orders_a_1={"state": "ejected", "reason": "5 errors"})
    orders = row(Watcher().picture(seen(b=ejected)), "orders-a-1")
    assert (orders.state, orders.reason) == ("ejected", "balancer-b-1: 5 errors")


def test_where_they_agree_nobody_is_named() -> None:
    gone = {"state": "gone", "reason": "refused"}
    both = seen(a=state("balancer-a-1", orders_a_1=gone), b=state("balancer-b-1", orders_a_1=gone))
    assert row(Watcher().picture(both), "orders-a-1").reason == "refused"


def test_a_dead_balancer_is_gone_and_the_other_one_is_believed() -> None:
    picture = Watcher().picture(seen(a=Gone("refused")))
    assert [(b.name, b.up, b.reason) for b in picture.balancers] == [
        ("balancer-a", False, "refused"),
        ("balancer-b", True, ""),
    ]
    assert row(picture, "orders-a-1").rps == 30.5
    assert picture.region == "east"


def test_with_no_balancer_nothing_is_known_of_pools() -> None:
    picture = Watcher().picture(seen(a=Gone("refused"), b=Gone("refused")))
    assert picture.pools == ()


def test_the_gateway_comes_first() -> None:
    names = [pool.name for pool in Watcher().picture(seen()).pools]
    assert names == ["gateway", *sorted(set(POOLS) - {"gateway"})]


def test_errors_and_retries_are_those_of_the_last_minute() -> None:
    watcher = Watcher()

    def look(time: float, errors: int) -> int:
        at = state("balancer-a-1", orders_a_1={"errors": errors, "retries": errors * 2})
        picture = watcher.picture(seen(time, a=at))
        orders = row(picture, "orders-a-1")
        assert orders.retries == orders.errors * 2
        return orders.errors

    assert look(0.0, 100) == 0  # before we looked
    assert look(30.0, 104) == 4
    assert look(60.0, 110) == 10
    assert look(90.0, 110) == 6
    assert look(151.0, 110) == 0


def test_a_balancer_that_started_anew_counts_from_zero() -> None:
    watcher = Watcher()
    watcher.picture(seen(0.0, a=state("balancer-a-1", orders_a_1={"errors": 100})))
    picture = watcher.picture(seen(1.0, a=state("balancer-a-1", orders_a_1={"errors": 3})))
    assert row(picture, "orders-a-1").errors == 3


def test_a_pool_is_the_sum_of_its_instances() -> None:
    failing = {"state": "failing", "reason": "timeout", "rps": 0.0, "p99_ms": 800.0}
    picture = Watcher().picture(seen(a=state("balancer-a-1", orders_a_1=failing)))
    orders = next(pool for pool in picture.pools if pool.name == "orders")
    assert (orders.up, len(orders.instances), orders.rps, orders.p99_ms) == (1, 2, 91.5, 800.0)


def test_breakers_that_are_not_closed_are_grouped() -> None:
    breakers = {
        "payments-a-1": {"acquirer": "open", "mesh": "closed"},
        "payments-b-1": {"acquirer": "open"},
        "gateway-a-1": {"redis": "half-open"},
    }
    picture = Watcher().picture(seen(breakers=breakers))
    assert picture.breakers == {
        "redis half-open": ["gateway-a-1"],
        "acquirer open": ["payments-a-1", "payments-b-1"],
    }
    assert picture.breakers_in_all == 4


class TestChanges:
    up = read_state(state())
    dead = read_state(
        state(
            orders_a_1={"state": "gone", "reason": "refused", "since_s": 0.4},
            catalog_a_1={"state": "gone", "reason": "refused", "since_s": 0.1},
            gateway_a_1={"state": "failing", "reason": "timeout", "since_s": 0.2},
        )
    )

    def test_the_first_look_changes_nothing(self) -> None:
        assert changes(None, self.up) == []

    def test_the_same_again_changes_nothing(self) -> None:
        assert changes(self.up, self.up) == []

    def test_instances_of_one_fate_share_a_line_and_the_first_one_s_time(self) -> None:
        assert changes(self.up, self.dead) == [
            Change("catalog-a-1, orders-a-1 gone (refused)", 0.4),
            Change("gateway-a-1 failing (timeout)", 0.2),
        ]

    def test_back_up(self) -> None:
        told = changes(self.dead, self.up)
        assert [change.what for change in told] == ["catalog-a-1, gateway-a-1, orders-a-1 up"]

    def test_an_instance_that_is_no_longer_told_of_is_gone(self) -> None:
        fewer = state()
        fewer["pools"]["orders"]["instances"].pop(0)
        assert changes(self.up, read_state(fewer)) == [Change("orders-a-1 gone (no longer found)")]

    def test_an_address_whose_name_is_not_known_yet_is_left_out(self) -> None:
        more = state()
        unnamed = {**instance("orders-a-9"), "name": "172.21.0.9:8000", "state": "failing"}
        more["pools"]["orders"]["instances"].append(unnamed)
        assert changes(self.up, read_state(more)) == []

    def test_a_balancer_goes_silent_once_and_answers_again(self) -> None:
        assert changes(self.up, Gone("refused")) == [Change("does not answer: refused")]
        assert changes(Gone("refused"), Gone("timeout")) == []
        assert changes(Gone("refused"), self.up)[0] == Change("answers again")
