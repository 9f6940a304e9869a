import random

import pytest

from gamedays.nemeses.decisions import (
    WHO_WAS,
    Instance,
    TargetUnknown,
    act,
    draw,
    drawn,
    read_census,
    resolve,
)
from gamedays.scenario import Step, load, names

CENSUS = [
    Instance(f"{program}-{zone}-1", zone)
    for program in ("orders", "catalog", "balancer", "gateway", "sessions", "payments", "tickets")
    for zone in "ab"
]
CENSUS += [Instance(f"{p}-{zone}-1", zone) for p in ("notifications", "acquirer") for zone in "ab"]
CENSUS += [Instance(f"kafka-{zone}-1", zone) for zone in "abc"]
CENSUS += [Instance(f"redis-{zone}-{n}", zone) for zone in "abc" for n in (1, 2)]
CENSUS += [Instance(f"{p}-{zone}-1", zone) for p in ("etcd", "postgres") for zone in "abc"]
ROLES: dict[str, list[str]] = {
    "primary of redis": ["redis-a-1", "redis-b-1", "redis-c-1"],
    "leader of kafka": ["kafka-b-1"],
    "controller of kafka": ["kafka-c-1"],
    "primary of postgres": ["postgres-c-1"],
    "synchronous standby of postgres": ["postgres-b-1"],
}


def rng(seed: int = 1) -> random.Random:
    return random.Random(seed)


def meant(target: str) -> tuple[str, ...]:
    return resolve(target, CENSUS, ROLES, rng())


def test_the_listing_of_the_fault_script_is_read() -> None:
    listing = "orders-a-1           zone a  running\nredis-c-2            zone c  exited\n\n"
    assert read_census(listing) == [
        Instance("orders-a-1", "a", "running"),
        Instance("redis-c-2", "c", "exited"),
    ]
    assert read_census(listing)[1].program == "redis"


@pytest.mark.parametrize(
    ("target", "names"),
    [
        ("orders-a-1", {"orders-a-1"}),
        ("all kafka", {"kafka-a-1", "kafka-b-1", "kafka-c-1"}),
        ("all orders and all catalog", {f"{p}-{z}-1" for p in ("orders", "catalog") for z in "ab"}),
        ("leader of kafka", {"kafka-b-1"}),
        ("zone c", {"kafka-c-1", "redis-c-1", "redis-c-2", "postgres-c-1", "etcd-c-1"}),
        ("everything", {i.name for i in CENSUS}),
        ("zone c and orders-a-1", {"orders-a-1", *(i.name for i in CENSUS if i.zone == "c")}),
    ],
)  # fmt: skip
def test_what_a_target_means(target: str, names: set[str]) -> None:
    assert set(meant(target)) == names
    assert len(meant(target)) == len(names)


def test_one_of_many_is_drawn_by_the_seed() -> None:
    drawn_once = {resolve("one of orders", CENSUS, ROLES, rng(seed)) for seed in range(20)}
    assert drawn_once == {("orders-a-1",), ("orders-b-1",)}
    primaries = {resolve("primary of redis", CENSUS, ROLES, rng(seed)) for seed in range(40)}
    assert primaries == {("redis-a-1",), ("redis-b-1",), ("redis-c-1",)}
    assert meant("one of orders") == meant("one of orders")


@pytest.mark.parametrize("target", ["orders-c-1", "zone d", "all nothing", "one of x", "order"])
def test_a_target_that_is_not_there_is_refused(target: str) -> None:
    with pytest.raises(TargetUnknown, match=r"means nobody; there are: .*orders-a-1"):
        meant(target)
    with pytest.raises(TargetUnknown):
        resolve("leader of kafka", CENSUS, {}, rng())


def test_a_fault_is_done_by_the_fault_script_to_all_its_targets_at_once() -> None:
    done = act(Step(do="pause", target="all orders"), CENSUS, ROLES, rng())
    assert done.commands == (("scripts/fault.sh", "pause", "orders-a-1", "orders-b-1"),)
    assert done.targets == ("orders-a-1", "orders-b-1")
    full = act(Step(do="fill", target="kafka-b-1"), CENSUS, ROLES, rng())
    assert full.commands == (("scripts/fault.sh", "fill", "kafka-b-1"),)
    slow = act(Step(do="slow", target="orders-a-1", delay_ms=200), CENSUS, ROLES, rng())
    assert slow.commands == (("scripts/fault.sh", "slow", "200", "orders-a-1"),)


def test_a_crash_is_told_its_point() -> None:
    step = Step(do="crash", point="event-marked", target="orders-a-1")
    done = act(step, CENSUS, ROLES, rng())
    assert done.commands == (("scripts/crash.sh", "event-marked", "orders-a-1"),)
    assert done.targets == ("orders-a-1",)


def test_the_acquirer_is_turned_by_its_knobs() -> None:
    step = Step(do="acquirer", knobs={"hang_rate": 1.0, "error_rate": 0.25})
    done = act(step, CENSUS, ROLES, rng())
    assert done.commands == (("scripts/acquirer.sh", "error_rate=0.25", "hang_rate=1"),)
    assert done.targets == ()


def test_healing_heals_everything_and_the_acquirer_too() -> None:
    done = act(Step(do="heal"), CENSUS, ROLES, rng())
    assert done.commands == (("scripts/fault.sh", "heal"), ("scripts/acquirer.sh", "default"))


def test_rolling_takes_one_after_the_other() -> None:
    done = act(Step(do="roll", target="all orders"), CENSUS, ROLES, rng())
    assert [command[1:] for command in done.commands] == [
        ("stop", "orders-a-1"), ("heal", "orders-a-1"),
        ("stop", "orders-b-1"), ("heal", "orders-b-1"),
    ]  # fmt: skip
    assert not done.whole


def test_a_store_is_whole_again_before_the_next_of_it_goes() -> None:
    for target in ("all kafka", "redis-a-1", "synchronous standby of postgres", "etcd-a-1"):
        assert act(Step(do="roll", target=target), CENSUS, ROLES, rng()).whole
    assert not act(Step(do="kill", target="all kafka"), CENSUS, ROLES, rng()).whole


def test_who_had_a_part_before_can_be_hit_later() -> None:
    roles = {**ROLES, "who was primary of postgres": ["postgres-b-1"]}
    done = act(Step(do="roll", target="who was primary of postgres"), CENSUS, roles, rng())
    assert done.targets == ("postgres-b-1",)


def test_who_was_hit_before_can_be_healed_alone() -> None:
    roles = {**ROLES, "who was split": ["postgres-b-1"]}
    done = act(Step(do="heal", target="who was split"), CENSUS, roles, rng())
    assert done.commands == (("scripts/fault.sh", "heal", "postgres-b-1"),)
    with pytest.raises(TargetUnknown, match="'who was cut' means nobody"):
        act(Step(do="heal", target="who was cut"), CENSUS, roles, rng())


def test_every_step_of_ours_can_be_done() -> None:
    for name in names():
        hit = dict(ROLES)
        for step in drawn(load(name).steps, CENSUS, rng()):
            done = act(step, CENSUS, hit, rng())
            assert done.commands, name
            hit[WHO_WAS + step.do] = list(done.targets)
            hit |= {WHO_WAS + role: who for role, who in ROLES.items()}


STEP = Step(do="random", for_s=600)


def test_the_same_seed_draws_the_same_faults() -> None:
    assert draw(STEP, CENSUS, rng(7)) == draw(STEP, CENSUS, rng(7))
    assert draw(STEP, CENSUS, rng(7)) != draw(STEP, CENSUS, rng(8))


@pytest.mark.parametrize("seed", range(25))
def test_chance_touches_one_zone_at_a_time_and_heals_after_each(seed: int) -> None:
    steps = draw(STEP, CENSUS, rng(seed))
    zones: set[str] = set()
    hit: set[str] = set()
    for step in steps:
        if step.do == "heal":
            assert len(zones) <= 1
            zones, hit = set(), set()
        elif step.target:
            names = meant(step.target)
            assert hit.isdisjoint(names), "nobody is killed twice before a healing"
            hit |= set(names)
            zones |= {i.zone for i in CENSUS if i.name in names}
    assert steps[-1].do == "heal"
    assert 600 <= sum(step.then_s for step in steps) <= 600 + 35


def test_chance_knows_more_than_one_way() -> None:
    steps = [step for seed in range(25) for step in draw(STEP, CENSUS, rng(seed))]
    assert {step.do for step in steps} == {
        "kill",
        "pause",
        "stop",
        "cut",
        "split",
        "acquirer",
        "heal",
    }
    assert {step.target for step in steps} >= {"zone a", "zone b", "zone c"}
