"""`make gameday G=kill-zone`, `make gamedays`: runs scenarios, prints the verdicts, keeps them.

    run NAME...      these scenarios (all, if none is named; --short: those that CI runs;
                     --rounds 5: all of it five times, for figures that say more than one run)
    judge FOLDER     again by the history of a run, with the checkers of today
    record           puts the runs under reports/gamedays/ on record (gamedays/runs.jsonl)
    table            the newest five runs of each on record, as the rows of docs/gamedays.md
    list             the scenarios

Ends with 0 if everything held, 1 if not, 2 if it was asked for nonsense or may not write there,
130 if it was interrupted: what was broken is healed before.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from contextlib import suppress
from pathlib import Path

import orjson

from gamedays import history
from gamedays.cluster import ROOT, Auditor, CommandFailed, ensure, prepare, project
from gamedays.conductor import LATEST, REPORTS, RESULT, Conductor, keep
from gamedays.history import HistoryBroken
from gamedays.interrupt import Interrupted, interruptible
from gamedays.judging import Result, judge, table
from gamedays.measured import record, recorded, rows
from gamedays.scenario import Scenario, ScenarioBroken, load, names

RECORD = Path(__file__).with_name("runs.jsonl")

_PASSED, _FAILED, _USAGE, _INTERRUPTED = 0, 1, 2, 130


def say(text: str) -> None:
    """One line with the time."""
    with suppress(OSError):  # the terminal is gone: there is still something to heal
        print(f"  {time.strftime('%H:%M:%S')}  {text}", flush=True)  # noqa: T201


def run(scenarios: list[Scenario], seed: int | None) -> int:
    """One after the other; the summary is written after each."""
    prepare(REPORTS, LATEST)
    interruptible()
    auditor = Auditor(project())
    results: list[Result] = []
    _summarise(results)  # of before, which say nothing about this
    for scenario in scenarios:
        chosen = random.randrange(1_000_000) if seed is None else seed
        conductor = Conductor(scenario, chosen, auditor, say)
        results.append(conductor.run())
        _summarise(results)
        say(f"{results[-1].verdict}: {conductor.folder}/report.html")
    print("\n" + table(results))  # noqa: T201
    print(f"\nagain: SEED={results[-1].seed}   all of it: {REPORTS / LATEST}")  # noqa: T201
    return _PASSED if all(result.passed for result in results) else _FAILED


def _summarise(results: list[Result]) -> None:
    ensure(ROOT / REPORTS)
    text = orjson.dumps([result.encode() for result in results], option=orjson.OPT_INDENT_2)
    (ROOT / REPORTS / LATEST).write_bytes(text)


def judge_again(folder: Path) -> int:
    """A kept run by its history."""
    kept = Result.decode(orjson.loads((folder / RESULT).read_bytes()))
    scenario = load(kept.scenario)
    if "run" in kept.checks:  # it did not come to its end
        print(table([kept]))  # noqa: T201
        return _FAILED
    result = keep(scenario, judge(scenario, kept.seed, history.read(folder)), folder.resolve())
    print(table([result]))  # noqa: T201
    return _PASSED if result.passed else _FAILED


def kept_results() -> list[Result]:
    """Every run under reports/gamedays/, the oldest first."""
    found = sorted((ROOT / REPORTS).glob(f"*/{RESULT}"))
    return [Result.decode(orjson.loads(path.read_bytes())) for path in found]


def _chosen(named: list[str], *, short: bool) -> list[Scenario]:
    chosen = [load(name) for name in named]
    chosen = chosen or [s for s in map(load, names()) if not s.planted]
    chosen = [s for s in chosen if s.short or not short]
    if not chosen:
        raise ScenarioBroken("none of these is one of the short ones")
    return chosen


def main() -> int:
    """Reads the command line."""
    parser = argparse.ArgumentParser(prog="gamedays", description="game days")
    commands = parser.add_subparsers(dest="command", required=True)
    running = commands.add_parser("run", help="run scenarios")
    running.add_argument("names", nargs="*", help="all, if none is named")
    running.add_argument("--short", action="store_true", help="those that CI runs")
    running.add_argument("--seed", type=int, help="for chance; drawn if not given")
    running.add_argument("--rounds", type=int, default=1, help="so many times, in turns")
    commands.add_parser("judge", help="judge a kept run again").add_argument("folder", type=Path)
    commands.add_parser("record", help="put the runs under reports/ on record")
    commands.add_parser("table", help="the newest five runs of each, as rows of the docs")
    commands.add_parser("list", help="the scenarios")
    options = parser.parse_args()
    try:
        match options.command:
            case "run":
                chosen = _chosen(options.names, short=options.short)
                return run(chosen * max(1, options.rounds), options.seed)
            case "judge":
                return judge_again(options.folder)
            case "record":
                known = recorded(RECORD.read_bytes())
                with RECORD.open("ab") as file:
                    file.write(record(kept_results(), known))
            case "table":
                known = recorded(RECORD.read_bytes())
                print("\n".join(rows([load(name) for name in names()], known)))  # noqa: T201
            case _:
                for name in names():
                    print(f"{name:22}  {load(name).title}")  # noqa: T201
    except (ScenarioBroken, HistoryBroken, FileNotFoundError, CommandFailed) as error:
        print(error, file=sys.stderr)  # noqa: T201
        return _USAGE
    except Interrupted as why:
        print(f"interrupted by {why}", file=sys.stderr)  # noqa: T201
        return _INTERRUPTED
    return _PASSED


if __name__ == "__main__":
    sys.exit(main())
