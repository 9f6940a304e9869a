"""`make gamedays-mutants`: each planted bug, in a cluster of its own, has to be caught.

A bug is caught if its scenario ran, and the check that is there for it said no. A run that was
broken off catches nothing. Ends with 0 if all were caught.
"""

from __future__ import annotations

import os
import sys

import orjson

from gamedays import cluster
from gamedays.__main__ import say
from gamedays.cluster import ROOT, Auditor, CommandFailed
from gamedays.conductor import REPORTS, Conductor
from gamedays.judging import Result
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


def try_bug(name: str, bug: Bug) -> Result:
    """Its scenario, in a fresh cluster that has it."""
    os.environ["PLANTED_BUG"] = name
    say(f"{name}: {bug.does}")
    try:
        cluster.run("scripts/up.sh", seconds=_UP_SECONDS)
        return Conductor(load(bug.scenario), _SEED, Auditor(PROJECT), say, PLANTED).run()
    finally:
        # Its data are worth nothing now, and would condemn the next one.
        cluster.run("docker", "compose", "down", "--volumes", "--timeout", "5", "--remove-orphans")


def main() -> int:
    """All bugs, or those that are named."""
    wanted = sys.argv[1:] or list(BUGS)
    unknown = [name for name in wanted if name not in BUGS]
    if unknown:
        print(f"no such bug: {', '.join(unknown)}; there are: {', '.join(BUGS)}")  # noqa: T201
        return 2
    label = "label=com.docker.compose.service=balancer-a"
    if cluster.run("docker", "ps", "-q", "--filter", label).strip():
        print("A cluster runs already, and has the ports: make down")  # noqa: T201
        return 2
    os.environ |= {"COMPOSE_PROJECT_NAME": PROJECT, "COMPOSE_FILE": _FILES}
    cluster.ensure(ROOT / PLANTED)
    lines, missed = [], 0
    for name in wanted:
        bug = BUGS[name]
        try:
            result = try_bug(name, bug)
        except CommandFailed as error:
            lines.append({"bug": name, "caught": False, "detail": str(error)})
        else:
            found = caught(bug, result)
            check = result.checks.get(bug.caught_by) or next(iter(result.checks.values()))
            lines.append({"bug": name, "caught": found, "detail": check.detail})
        missed += not lines[-1]["caught"]
        word = "caught" if lines[-1]["caught"] else "MISSED"
        say(f"{name}: {word} by {bug.caught_by} in {bug.scenario}: {lines[-1]['detail']}")
    text = orjson.dumps(lines, option=orjson.OPT_INDENT_2)
    (ROOT / PLANTED / MUTANTS).write_bytes(text)
    print(f"\n{len(wanted) - missed} of {len(wanted)} caught")  # noqa: T201
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
