"""`make gamedays-mutants`: each planted bug, in a cluster of its own, has to be caught.

A bug is caught if its scenario ran, and the check that is there for it said no. A run that was
broken off catches nothing. Ends with 0 if all were caught.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import orjson

from gamedays import cluster
from gamedays.__main__ import say
from gamedays.cluster import ROOT, Auditor, CommandFailed
from gamedays.conductor import REPORTS, Conductor
from gamedays.interrupt import Interrupted, interruptible
from gamedays.judging import Result, table
from gamedays.planted import points
from gamedays.planted.bugs import BUGS, Bug
from gamedays.scenario import load

PROJECT = "holdfast-planted"
PLANTED, MUTANTS = REPORTS / "planted", "latest.json"

_FILES = "compose.yaml:gamedays/planted/compose.yaml"
_UP_SECONDS = 900.0
_SEED = 1


def caught(bug: Bug, result: Result) -> bool:
    """Whether the right check found it, for certain."""
    check = result.checks.get(bug.caught_by)
    return result.verdict == "fail" and check is not None and check.valid is False


def in_its_own(name: str, scenario: str, reports: Path) -> Result:
    """A scenario, in a fresh cluster that has this planted."""
    os.environ["PLANTED_BUG"] = name
    try:
        cluster.run("scripts/up.sh", seconds=_UP_SECONDS)
        return Conductor(load(scenario), _SEED, Auditor(PROJECT), say, reports).run()
    finally:
        # Its data are worth nothing now, and would condemn the next one.
        cluster.run("docker", "compose", "down", "--volumes", "--timeout", "5", "--remove-orphans")


def look_for(name: str) -> dict[str, object]:
    """One bug: whether it was caught, and by what words."""
    bug = BUGS[name]
    say(f"{name}: {bug.does}")
    try:
        result = in_its_own(name, bug.scenario, PLANTED)
    except CommandFailed as error:
        found, detail = False, str(error)
    else:
        check = result.checks.get(bug.caught_by) or next(iter(result.checks.values()))
        found, detail = caught(bug, result), check.detail
    word = "caught" if found else "MISSED"
    say(f"{name}: {word} by {bug.caught_by} in {bug.scenario}: {detail}")
    return {"bug": name, "caught": found, "detail": detail}


def crash() -> int:
    """No bug: the test image dies where it is told to, and everything has to hold."""
    result = in_its_own(points.NAME, points.NAME, REPORTS)
    print("\n" + table([result]))  # noqa: T201
    return 0 if result.passed else 1


def main() -> int:
    """All bugs, or those that are named; crash-points is the scenario of that name."""
    wanted = sys.argv[1:] or list(BUGS)
    unknown = [name for name in wanted if name not in BUGS]
    if unknown and wanted != [points.NAME]:
        there = ", ".join((*BUGS, points.NAME))
        print(f"no such bug: {', '.join(unknown)}; there are: {there}")  # noqa: T201
        return 2
    label = "label=com.docker.compose.service=balancer-a"
    if cluster.run("docker", "ps", "-q", "--filter", label).strip():
        print("A cluster runs already, and has the ports: make down")  # noqa: T201
        return 2
    try:
        cluster.prepare(PLANTED, MUTANTS)
    except CommandFailed as error:
        print(error)  # noqa: T201
        return 2
    os.environ |= {"COMPOSE_PROJECT_NAME": PROJECT, "COMPOSE_FILE": _FILES}
    interruptible()
    try:
        return _look(wanted) if not unknown else crash()
    except Interrupted as why:
        print(f"interrupted by {why}")  # noqa: T201
        return 130


def _look(wanted: list[str]) -> int:
    lines = [look_for(name) for name in wanted]
    missed = sum(not line["caught"] for line in lines)
    text = orjson.dumps(lines, option=orjson.OPT_INDENT_2)
    (ROOT / PLANTED / MUTANTS).write_bytes(text)
    print(f"\n{len(wanted) - missed} of {len(wanted)} caught")  # noqa: T201
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
