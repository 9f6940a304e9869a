"""What the leader tells, and what its mates make of it."""

import random

from loadbalancer.pools.pool import Pool
from loadbalancer.pools.settings import PoolSettings
from loadbalancer.workers.view import follow, view


def test_an_address_of_version_6_is_the_same_everywhere() -> None:
    leader = Pool(PoolSettings("p"), "", lambda *_, **__: None, random.Random(1))
    mate = Pool(PoolSettings("p"), "", lambda *_, **__: None, random.Random(1))
    leader.discovered("six", [("2001:db8::1", 80)], "", 1.0)
    follow({"p": mate}, view([leader], 1.0), 1.0)
    assert list(leader.instances) == list(mate.instances) == ["[2001:db8::1]:80"]
    assert mate.instances["[2001:db8::1]:80"].name == "[2001:db8::1]:80"
