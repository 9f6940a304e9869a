"""What the documents name is there: files, game days, planted bugs, checks."""

import re
from pathlib import Path

import pytest

from gamedays.judging import ALWAYS
from gamedays.planted.bugs import BUGS
from gamedays.scenario import names

ROOT = Path(__file__).parents[3]
PAGES = sorted([*ROOT.glob("docs/**/*.md"), ROOT / "README.md", ROOT / "loadbalancer/README.md"])
TOPS = "chassis|docker|docs|gamedays|gateway|loadbalancer|loadtests|scripts|services|tests"
CODE = [path for top in TOPS.split("|") for path in (ROOT / top).rglob("*") if path.is_file()]
PATTERNS = (
    "retries", "circuit-breaker", "bulkhead", "idempotency", "queue-decoupling", "fan-out",
    "failover", "replication", "consistency", "saga",
)  # fmt: skip

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))


def quoted(page: Path) -> list[str]:
    return re.findall(r"`([^`\n]+)`", page.read_text())


@each_page
def test_every_file_that_is_named_is_there(page: Path) -> None:
    files = [x for x in quoted(page) if re.fullmatch(r"[\w-]+\.(py|sh|toml|sql)", x)]
    known = {path.name for path in CODE}
    assert [x for x in files if x not in known] == []


@each_page
def test_every_game_day_and_bug_is_one(page: Path) -> None:
    text = page.read_text()
    assert [x for x in re.findall(r"\bG=([a-z-]+)", text) if x not in names()] == []
    bugs = {*BUGS, "crash-points"}
    assert [x for x in re.findall(r"\bBUG=([a-z0-9-]+)", text) if x not in bugs] == []


@pytest.mark.parametrize("name", PATTERNS)
def test_a_pattern_tells_what_to_break_what_is_seen_and_what_proves_it(name: str) -> None:
    text = (ROOT / "docs/patterns" / f"{name}.md").read_text()
    assert re.search(r"\*\*(Break it|Try it)\.\*\*", text)
    proof = text[re.search(r"(Proved by|\*\*Proved by)", text).start() :]  # type: ignore[union-attr]
    assert "`tests/" in proof
    assert any(f"`{day}`" in proof for day in names()) or "game days" in proof


def test_the_table_of_checks_and_that_of_bugs_are_whole() -> None:
    text = (ROOT / "docs/gamedays.md").read_text()
    for check in ALWAYS:
        assert f"\n| {check} | " in text, check
    for name, bug in BUGS.items():
        row = next(line for line in text.splitlines() if line.startswith(f"| {name} | "))
        assert f"| {bug.does} | {bug.scenario} | {bug.caught_by} |" in row
