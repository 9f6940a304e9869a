"""A leader and a follower, and what they tell each other, without processes."""

import asyncio
import dataclasses
import json
from typing import Any, cast

from loadbalancer.config.config import Config, quick
from loadbalancer.config.share import share
from loadbalancer.observe.report import Numbers, add, numbers, without_strangers
from loadbalancer.parts import Parts
from loadbalancer.pools.checks import Outcome, Verdict
from loadbalancer.pools.instance import Instance, State
from loadbalancer.pools.pool import Pool
from loadbalancer.pools.retry import Failure
from loadbalancer.workers.agreement import Agreement
from loadbalancer.workers.mate import Mate

READY = Outcome(Verdict.READY, name="x-1", zone="a")
FAILED = Outcome(Verdict.FAILED, "refused", answered=False)
CONFIG = quick("127.0.0.1:1", ["10.0.0.1:1", "10.0.0.2:1"], workers=2)


class Worker:
    """Whatever it says is heard by the other one, or by nobody if there is none yet."""

    def __init__(self, script: "Script") -> None:
        self.others: list[Worker] = []
        self.asked: list[dict[str, Any]] = []
        self.led = 0
        self.parts = Parts(lambda *_, **__: None, lambda *_: None, lambda _: None)
        self.agreement = Agreement(
            cast("Mate", self), self.parts, lambda: script.now, lead=self._lead,
            become=lambda *_: None, event=lambda _: None, own=self._own,
        )  # fmt: skip
        self.become(CONFIG)

    def _lead(self) -> None:
        self.led += 1

    def _own(self) -> Numbers:
        return numbers(self.parts.pools.values(), self.parts.fronts.values(), lines_lost=1)

    def become(self, config: Config) -> None:
        self.parts.change(config, leading=False)
        self.agreement.attach()
        self.agreement.follow()

    def send(self, to: str, kind: str, **fields: object) -> None:
        message = json.loads(json.dumps({"to": to, "kind": kind, **fields}))
        if to == "parent":
            self.asked.append(message)
        for other in self.others:
            if to == "others" or (to == "leader" and other.agreement.leading):
                other.agreement.hear(message)

    @property
    def pool(self) -> Pool:
        return self.parts.pools["backends"]

    def at(self, host: str) -> Instance:
        return self.pool.instances[f"{host}:1"]


class Script:
    def __init__(self) -> None:
        self.now = 1000.0
        self.leader, self.follower = Worker(self), Worker(self)
        self.leader.others, self.follower.others = [self.follower], [self.leader]
        self.leader.agreement.hear({"kind": "lead"})
        for instance in self.leader.pool.instances.values():
            self.leader.pool.checked(instance, READY, self.now)
        self.pass_time()

    def pass_time(self, seconds: float = 1.0) -> None:
        self.now += seconds
        self.leader.agreement.tick(self.now)
        self.follower.agreement.tick(self.now)

    def states(self) -> list[State]:
        return [self.follower.at(host).state for host in ("10.0.0.1", "10.0.0.2")]


async def test_a_follower_knows_what_the_leader_knows() -> None:
    script = Script()
    assert script.leader.led == 1
    assert script.follower.agreement.first_word.is_set()
    assert script.states() == [State.UP, State.UP]
    assert script.follower.at("10.0.0.1").name == "x-1"
    for _ in range(3):
        script.leader.pool.checked(script.leader.at("10.0.0.1"), FAILED, script.now)
    script.leader.at("10.0.0.2").drained = True
    script.pass_time()
    assert script.states() == [State.FAILING, State.DRAINING]
    assert script.follower.at("10.0.0.1").reason == "refused"


async def test_instances_come_and_go_with_the_leader() -> None:
    script = Script()
    script.leader.pool.discovered("dns x:1", [("10.0.0.3", 1)], "b", script.now, 5)
    script.pass_time()
    found = script.follower.at("10.0.0.3")
    assert (found.zone, found.weight, found.source) == ("b", 5, "dns x:1")
    script.leader.pool.dropped("dns x:1", script.now)
    script.pass_time()
    assert found.state is State.GONE
    script.leader.pool.forget(script.now, 0.0)
    script.pass_time()
    assert "10.0.0.3:1" not in script.follower.pool.instances


async def test_an_ejection_counts_for_all_at_once_and_ends_with_the_leaders() -> None:
    script = Script()
    failed = script.follower.at("10.0.0.1")
    for _ in range(3):
        script.follower.pool.failed(failed, Failure.RESET, script.now)
    leaders = script.leader.at("10.0.0.1")
    assert (failed.state, leaders.state) == (State.EJECTED, State.EJECTED)
    assert (failed.ejection.total, leaders.ejection.total) == (1, 1)
    script.pass_time(10)
    assert script.states() == [State.EJECTED, State.UP]
    script.leader.pool.checked(leaders, READY, script.now)
    script.pass_time()
    assert script.states() == [State.UP, State.UP]


async def test_an_old_word_does_not_end_a_new_ejection() -> None:
    script = Script()
    said = json.loads(json.dumps(script.follower.agreement._seen))
    failed = script.follower.at("10.0.0.1")
    for _ in range(3):
        script.follower.pool.failed(failed, Failure.RESET, script.now)
    script.follower.agreement.hear({"kind": "view", "pools": said})
    assert failed.state is State.EJECTED


async def test_a_failure_makes_the_leader_look() -> None:
    script = Script()
    looked = script.leader.at("10.0.0.1")
    looked.check.due = script.now + 2
    script.pass_time(0.1)
    assert looked.check.due > script.now
    script.follower.pool.failed(script.follower.at("10.0.0.1"), Failure.RESET, script.now)
    script.pass_time(0.1)
    assert looked.check.due <= script.now


async def test_who_takes_over_checks_at_once_and_knows_all() -> None:
    script = Script()
    script.leader.at("10.0.0.2").drained = True
    script.pass_time()
    script.follower.agreement.hear({"kind": "lead"})
    assert script.states() == [State.UP, State.DRAINING]
    assert all(i.check.due <= script.now for i in script.follower.pool.instances.values())


async def test_numbers_are_added_up() -> None:
    script = Script()
    script.follower.pool.budget.requests = 3
    script.leader.pool.budget.requests = 4
    script.follower.at("10.0.0.1").meter.observe(0.1)
    script.pass_time()
    beat = script.follower.asked[-1]
    script.leader.agreement.hear({"kind": "numbers", "worker": 2, "numbers": beat["numbers"]})
    dead = {"sums": beat["numbers"]["sums"]}
    script.leader.agreement.hear({"kind": "numbers", "worker": 0, "numbers": dead})
    all_of_them = script.leader.agreement.numbers()
    assert all_of_them["sums"]["log"]["lost"] == 3
    assert all_of_them["sums"]["pools"]["backends"]["requests"] == 4 + 3 + 3
    assert all_of_them["sums"]["instances"]["backends"]["10.0.0.1:1"]["requests"] == 2


async def test_a_reload_is_answered_by_the_parent() -> None:
    script = Script()
    asking = asyncio.create_task(script.leader.agreement.reload("admin"))
    await asyncio.sleep(0)
    assert script.leader.asked[-1]["kind"] == "reload"
    script.leader.agreement.hear({"kind": "reloaded", "wrong": "line 3"})
    assert await asking == "line 3"


def test_adding_keeps_what_is_in_one_only() -> None:
    one = {"a": {"x": 1}, "l": [1, 2]}
    assert add(one, {"a": {"x": 2, "y": 3}, "b": 1}) == {"a": {"x": 3, "y": 3}, "l": [1, 2], "b": 1}
    assert add(one, {"l": [1, 1]})["l"] == [2, 3]
    assert one == {"a": {"x": 1}, "l": [1, 2]}


def test_nobody_is_counted_for_ever() -> None:
    sums = {"sums": {"instances": {"p": {"a": 1, "b": 2}}, "pools": {"p": 3}}}
    known = [{"sums": {"instances": {"p": {"a": 9}}}}, {}]
    assert without_strangers(sums, known) == {
        "sums": {"instances": {"p": {"a": 1}}, "pools": {"p": 3}}
    }


def test_limits_of_the_whole_are_shared() -> None:
    [(front, _)] = share(dataclasses.replace(CONFIG, workers=3)).listeners
    assert (front.max_connections, front.access_log_lines) == (3_334, 334)
    [pool] = share(dataclasses.replace(CONFIG, workers=3)).pools
    assert (pool.settings.max_requests, pool.settings.retry.budget_min) == (171, 1)
    assert share(dataclasses.replace(CONFIG, workers=1)) == dataclasses.replace(CONFIG, workers=1)
