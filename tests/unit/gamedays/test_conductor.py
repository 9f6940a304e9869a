"""A run against a cluster that is made up: what is done to it, and in which order."""

from pathlib import Path
from typing import Any, cast

import pytest

from gamedays import conductor
from gamedays.cluster import Auditor, ClientGone, CommandFailed, Refused
from gamedays.conductor import Conductor
from gamedays.interrupt import Interrupted
from gamedays.nemeses.decisions import Instance
from gamedays.scenario import parse

TEXT = """
title = "An instance dies"
story = "Somebody kills it, and nobody should notice."
stands_for = {{service = "ALB", figure = "10 s"}}
steps = [{steps}]
[holds]
probe = {{gap_s = 0.5}}
order = {{gap_s = 1.5}}
"""
KILL = '{do = "kill", target = "orders-a-1", then_s = 5}'
SPLIT = '{do = "split", target = "orders-b-1", then_s = 5}'
HEAL, HEAL_ONE = '{do = "heal"}', '{do = "heal", target = "orders-b-1", then_s = 5}'
ROLL, SWITCHOVER = '{do = "roll", target = "orders-a-1"}', '{do = "switchover", then_s = 5}'
EVERYTHING = ("scripts/fault.sh", "heal")


class Cluster:
    """What the scripts do, and which of them fails."""

    def __init__(self) -> None:
        self.did: list[tuple[str, ...]] = []
        self.fails: dict[tuple[str, ...], BaseException] = {}

    def run(self, *words: str, **_: Any) -> str:
        self.did.append(words)
        if words in self.fails:
            raise self.fails.pop(words)
        return ""


class Client:
    """The workloads, as far as a nemesis knows them."""

    def __init__(self, *_: Any) -> None:
        self.refuses = ""
        self.dies_after = 99

    def hear(self, event: str, _: float) -> dict[str, Any]:
        if event == self.refuses:
            raise Refused("not whole again after 90 s: Redis")
        return {"event": event}

    def watch(self, _: float) -> None:
        self.dies_after -= 1
        if self.dies_after == 0:
            raise ClientGone("the client ended")

    def tell(self, _: str) -> None: ...
    def end(self) -> None: ...


@pytest.fixture
def made_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Cluster:
    made = Cluster()
    monkeypatch.setattr(conductor, "run", made.run)
    monkeypatch.setattr(conductor, "ROOT", tmp_path)
    there = [Instance("orders-a-1", "a"), Instance("orders-b-1", "b"), Instance("redis-a-1", "a")]
    monkeypatch.setattr(conductor, "census", lambda: there)
    monkeypatch.setattr(Conductor, "_quiet", lambda *_: [])
    return made


def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *steps: str, **client: Any) -> Any:
    one = Client()
    for name, value in client.items():
        setattr(one, name, value)
    monkeypatch.setattr(conductor, "Client", lambda *_: one)
    scenario = parse("made-up", TEXT.format(steps=", ".join(steps)))
    game = Conductor(scenario, 1, cast("Auditor", None), lambda _: None, tmp_path)
    game.folder.mkdir(parents=True, exist_ok=True)
    return game.run()


@pytest.mark.parametrize(
    "steps",
    [
        (KILL, HEAL),
        (ROLL,),
        (SPLIT, KILL, HEAL_ONE, HEAL),
        (KILL, SWITCHOVER, HEAL),
    ],
)
def test_whatever_is_interrupted_when_all_is_healed(
    made_up: Cluster, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, steps: tuple[str, ...]
) -> None:
    run(monkeypatch, tmp_path, *steps, dies_after=len(steps))
    commands = [c for c in made_up.did if c[0].endswith(("fault.sh", "switchover.sh"))]
    for at, command in enumerate(commands):
        made_up.did.clear()
        made_up.fails = {command: Interrupted("SIGTERM")}
        with pytest.raises(Interrupted):
            run(monkeypatch, tmp_path, *steps)
        assert made_up.did.index(command) == at
        assert EVERYTHING in made_up.did[at + 1 :]


def test_a_fault_that_one_healing_left_is_healed_when_the_client_dies(
    made_up: Cluster, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    result = run(monkeypatch, tmp_path, SPLIT, KILL, HEAL_ONE, HEAL, dies_after=3)
    assert result.verdict == "not run"
    assert EVERYTHING in made_up.did


def test_nothing_is_healed_where_nothing_is_broken(
    made_up: Cluster, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert run(monkeypatch, tmp_path, ROLL, dies_after=1).verdict == "not run"
    assert EVERYTHING not in made_up.did


def test_a_healing_that_is_interrupted_is_done_again(
    made_up: Cluster, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    made_up.fails = {EVERYTHING: Interrupted("SIGINT")}
    with pytest.raises(Interrupted):
        run(monkeypatch, tmp_path, KILL, HEAL, dies_after=1)
    assert made_up.did.count(EVERYTHING) == 2


def test_what_cannot_be_healed_does_not_hide_that_it_was_interrupted(
    made_up: Cluster, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    kill = ("scripts/fault.sh", "kill", "orders-a-1")
    made_up.fails = {kill: Interrupted("SIGINT"), EVERYTHING: CommandFailed("not healthy")}
    with pytest.raises(Interrupted):
        run(monkeypatch, tmp_path, KILL, HEAL)


@pytest.mark.parametrize(
    ("steps", "command"),
    [
        ((KILL, HEAL), EVERYTHING),
        ((ROLL,), ("scripts/fault.sh", "heal", "orders-a-1")),
        ((SWITCHOVER,), ("scripts/switchover.sh",)),
    ],
)
def test_a_cluster_that_does_not_come_back_has_failed(
    made_up: Cluster,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    steps: tuple[str, ...],
    command: tuple[str, ...],
) -> None:
    made_up.fails = {command: CommandFailed("Not healthy after 180 s: orders-a-1")}
    result = run(monkeypatch, tmp_path, *steps)
    assert result.verdict == "fail"
    assert "Not healthy after 180 s" in result.checks["run"].detail


def test_a_store_that_does_not_become_whole_has_failed(
    made_up: Cluster, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    step = '{do = "roll", target = "redis-a-1"}'
    result = run(monkeypatch, tmp_path, step, refuses="whole")
    assert result.verdict == "fail"
    assert "not whole again" in result.checks["run"].detail


def test_a_fault_that_cannot_be_done_is_no_failure_of_the_cluster(
    made_up: Cluster, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    made_up.fails = {("scripts/fault.sh", "kill", "orders-a-1"): CommandFailed("no /dev/net/tun")}
    result = run(monkeypatch, tmp_path, KILL, HEAL)
    assert result.verdict == "not run"
    assert EVERYTHING in made_up.did
