"""Points are planted in processes of their own: there is no way to take them out again."""

import subprocess
import sys
from pathlib import Path

import pytest

from gamedays.planted.points import POINTS
from gamedays.scenario import load

ROOT = Path(__file__).parents[4]

DYING = """
import asyncio, sys
from pathlib import Path
from gamedays.planted import points

class Gone(Exception):
    pass

def die():
    raise Gone

async def work(*words):
    done.append(words)

async def main():
    for words in (("other",), ("UPDATE outbox",)):
        try:
            await mortal(*words)
        except Gone:
            print("died at", words[0], "done", len(done))
            return
    print("lived, done", len(done))

done = []
points.ARMED = Path(sys.argv[1])
point = points.Point("orders", sys.argv[2], "x:y", sys.argv[3])
mortal = points._wrapped("here", point, work, die)
asyncio.run(main())
"""


def dying(armed: Path, when: str, on: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", DYING, str(armed), when, on],
        cwd=ROOT,
        check=True,
        timeout=30,
        capture_output=True,
        text=True,
    ).stdout.strip()


@pytest.mark.parametrize(
    ("text", "when", "on", "told"),
    [
        ("here\n", "before", "", "died at other done 0"),
        ("here\n", "after", "", "died at other done 1"),
        ("here\n", "after", "UPDATE", "died at UPDATE outbox done 2"),
        ("here\n", "before", "UPDATE", "died at UPDATE outbox done 1"),
        ("there\n", "before", "", "lived, done 2"),
        (None, "before", "", "lived, done 2"),
    ],
)
def test_only_who_is_told_to_dies_and_only_there(
    tmp_path: Path, text: str | None, when: str, on: str, told: str
) -> None:
    armed = tmp_path / "armed"
    if text is not None:
        armed.write_text(text)
    assert dying(armed, when, on) == told


@pytest.mark.parametrize("program", sorted({point.program for point in POINTS.values()}))
def test_all_points_of_a_program_are_there(program: str) -> None:
    planted = (
        "from gamedays.planted.bugs import plant; from gamedays.planted.points import NAME;"
        f"plant(NAME, {program!r})"
    )
    subprocess.run([sys.executable, "-c", planted], cwd=ROOT, check=True, timeout=30)


def test_the_game_day_comes_to_every_point_of_the_right_program() -> None:
    crashes = [step for step in load("crash-points").steps if step.do == "crash"]
    assert [step.point for step in crashes] == list(POINTS)
    for step in crashes:
        program = POINTS[step.point].program
        assert step.target in {f"{program}-a-1", f"{program}-b-1", f"all {program}"}
