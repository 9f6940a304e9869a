"""Each bug is planted in a process of its own: there is no way to take it out again."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from gamedays.judging import Check, Result, checkers, not_run
from gamedays.planted.__main__ import caught
from gamedays.planted.bugs import BUGS, plant
from gamedays.scenario import load

ROOT = Path(__file__).parents[4]
PROGRAMS = {
    "balancer", "gateway", "catalog", "sessions", "orders", "payments", "tickets",
    "notifications", "acquirer",
}  # fmt: skip


@pytest.mark.parametrize("name", BUGS)
def test_each_can_be_planted_and_has_someone_to_catch_it(name: str) -> None:
    bug = BUGS[name]
    assert bug.programs <= PROGRAMS
    assert bug.caught_by in checkers(load(bug.scenario).holds)
    for program in sorted(bug.programs):
        planted = f"from gamedays.planted.bugs import plant; plant({name!r}, {program!r})"
        subprocess.run([sys.executable, "-c", planted], cwd=ROOT, check=True, timeout=30)


def test_what_commits_first_takes_what_the_consumer_gives() -> None:
    """Else the bug would be a consumer that stands still, and something else would catch it."""
    planted = (
        "import inspect; from chassis.bus.consumer import Consumer;"
        "from gamedays.planted.bugs import plant;"
        "given = [*inspect.signature(Consumer._in_order).parameters];"
        "plant('commit-first', 'tickets');"
        "taken = [*inspect.signature(Consumer._in_order).parameters];"
        "assert taken == given, (taken, given)"
    )
    subprocess.run([sys.executable, "-c", planted], cwd=ROOT, check=True, timeout=30)


def test_a_program_that_has_not_the_bug_is_left_alone() -> None:
    plant("no-key", "catalog")


def test_a_bug_that_is_none_is_refused_with_those_there_are() -> None:
    with pytest.raises(ValueError, match="PLANTED_BUG=nonsense: one of acks-0, "):
        plant("nonsense", "orders")


def test_caught_is_only_what_the_right_check_says_for_certain() -> None:
    bug = BUGS["no-inbox"]

    def result(verdict: str, **checks: bool | None) -> Result:
        told = {name.replace("_", "-"): Check(valid, "") for name, valid in checks.items()}
        return Result("kill-consumer", 1, verdict, told)

    assert caught(bug, result("fail", total_queue=False))
    assert not caught(bug, result("fail", total_queue=None))  # could not find out
    assert not caught(bug, result("fail", total_queue=True, bank=False))  # somebody else did
    assert not caught(bug, result("pass", total_queue=True))
    assert not caught(bug, not_run("kill-consumer", 1, "no cluster"))


def test_every_process_of_ours_runs_the_test_image() -> None:
    overlay = (ROOT / "gamedays/planted/compose.yaml").read_text()
    planted = set(re.findall(r"^  ([a-z-]+): \*planted$", overlay, re.MULTILINE))
    assert planted == {f"{program}-{zone}" for program in PROGRAMS for zone in "ab"}
