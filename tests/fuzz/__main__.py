"""`make fuzz`: damaged requests and answers, for a time, and every one judged.

Each case is read whole, in pieces and byte by byte; what is passed on is read once more by other
rules, by h11 and by httptools. A hole ends the run with status 1 and the bytes that show it.
"""

import argparse
import random
import sys
import time
from collections.abc import Callable

from loadtests.plan import PlanError
from loadtests.plan import seconds as seconds_of
from tests.fuzz import answers, reader, smuggling
from tests.fuzz.mutate import mutate

_REPORT_SECONDS = 5.0
_LONGEST = 3_000
_HOLE, _BAD_USE = 1, 2


def main() -> int:
    """Gives the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--time", default="60s")
    parser.add_argument("--seed", type=int, default=None, help="to see the same cases again")
    options = parser.parse_args()
    try:
        seconds = seconds_of(options.time)
    except PlanError as error:
        sys.stderr.write(f"fuzz: {error}\n")
        return _BAD_USE
    seed = random.randrange(1 << 32) if options.seed is None else options.seed
    sys.stdout.write(f"seed {seed}\n")
    return _run(random.Random(seed), seconds)


def _run(chance: random.Random, seconds: float) -> int:
    requests = [case.raw for case in smuggling.cases() if len(case.raw) < _LONGEST]
    replies = [case.raw for case, _ in answers.cases() if len(case.raw) < _LONGEST]
    kinds: tuple[tuple[str, Callable[[bytes, list[int]], bool], list[bytes]], ...] = (
        ("request", _request, requests),
        ("answer", lambda raw, at: _answer(raw, at, chance), replies),
    )
    began = last = time.monotonic()
    count = taken = 0
    while time.monotonic() - began < seconds:
        for name, judge, corpus in kinds:
            raw = mutate(chance, corpus)
            at = sorted(chance.randrange(len(raw) + 1) for _ in range(chance.randint(1, 4)))
            try:
                taken += judge(raw, at)
            except Exception as error:  # noqa: BLE001 - any at all is a find
                sys.stdout.write(f"a hole, {name}: {error!r}\ncut at {at}\n{raw!r}\n")
                return _HOLE
            count += 1
        if time.monotonic() - last >= _REPORT_SECONDS:
            last = time.monotonic()
            sys.stdout.write(f"{last - began:4.0f}s  {count} cases, {taken} of them passed on\n")
            sys.stdout.flush()
    sys.stdout.write(f"{count} cases, {taken} of them passed on, no hole\n")
    return 0


def _request(raw: bytes, at: list[int]) -> bool:
    _, meanings = reader.judge(raw, at)
    if meanings and not reader.agrees_with_h11(raw, meanings[0]):
        raise AssertionError("h11 reads something else in what came in")
    return bool(meanings)


def _answer(raw: bytes, at: list[int], chance: random.Random) -> bool:
    method = chance.choice((b"GET", b"HEAD"))
    return answers.judge(raw, at, method).end == answers.COMPLETE


if __name__ == "__main__":
    sys.exit(main())
