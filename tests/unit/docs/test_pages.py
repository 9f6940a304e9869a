"""What the documents name is there: links, paths, commands; and each pattern has all its parts."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
MAKEFILE = (ROOT / "Makefile").read_text()
TARGETS = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))
FOLDERS = (
    "chassis",
    "docker",
    "docs",
    "gamedays",
    "gateway",
    "loadbalancer",
    "loadtests",
    "scripts",
    "services",
    "tests",
)
"""What a path of ours begins with; `services/reviews` is CONTRIBUTING's example."""

PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "loadbalancer" / "README.md"]
PATTERNS = sorted((ROOT / "docs" / "patterns").glob("*.md"))


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def anchors(page: Path) -> set[str]:
    titles = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page: Path) -> None:
    for path, anchor in re.findall(r"\]\((?!https?:)([^)#]*)#?([^)]*)\)", page.read_text()):
        there = page.parent / path if path else page
        assert there.exists(), path
        assert not anchor or anchor in anchors(there), (path, anchor)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_paths_are_there(page: Path) -> None:
    ours = "|".join(FOLDERS)
    for path in re.findall(rf"`((?:{ours})/[\w./-]*)`", page.read_text()):
        assert path.startswith("services/reviews") or (ROOT / path).exists(), path


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_commands_are_there(page: Path) -> None:
    commands = re.findall(r"(?:^|`|&& |; )make ([a-z-]+)", page.read_text(), re.MULTILINE)
    assert set(commands) <= TARGETS


def test_the_readme_has_every_command() -> None:
    told = (ROOT / "README.md").read_text()
    named = set(re.findall(r"`make ([a-z-]+)", told)) | set(re.findall(r"`(test-[a-z]+)`", told))
    assert named >= TARGETS - {"help"}


@pytest.mark.parametrize("page", PATTERNS, ids=name)
@pytest.mark.parametrize(
    "part",
    [
        r"\*\*The trouble\.\*\*",
        r"\*\*(Here|How it cannot go wrong|In the way)",
        r"\*\*(Break it|Try it)|## Break it",
        r"[Yy]ou should see|and see",
        r"Proved by",
        r"Stands for|In AWS|## In the cloud",
        r"Code: `",
    ],
)
def test_a_pattern_has_all_its_parts(page: Path, part: str) -> None:
    assert re.search(part, page.read_text())


def test_the_table_of_patterns_has_all() -> None:
    listed = re.findall(r"\]\(patterns/([a-z-]+\.md)\)", (ROOT / "docs" / "README.md").read_text())
    assert sorted(listed) == [page.name for page in PATTERNS]
