"""What earlier runs measured stays in the results, until the same is measured again."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

Row = dict[str, Any]
BEFORE = "before"
"""When a row was measured that does not say so."""


class CannotKeep(Exception):
    """Results could not be written; the message says what to do."""


def prepare(folder: Path) -> None:
    """Makes the folder of the results, before anything is measured that could not be kept there.

    Raises:
        CannotKeep: it cannot be made or written to, or a file in it cannot.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        locked = [path for path in (folder, *folder.iterdir()) if not os.access(path, os.W_OK)]
    except OSError as error:
        raise CannotKeep(f"{folder} cannot be made: {error.strerror}") from error
    if locked:
        names = ", ".join(map(str, locked))
        raise CannotKeep(f"user {os.getuid()} may not write {names}: remove it, or give it away")


def now() -> str:
    """As it stands in every row of a run: the minute, UTC."""
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M")


def read(path: Path) -> list[Row]:
    """The rows of a file of results; none if there is none, or if it is damaged."""
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return []
    return [row for row in found if isinstance(row, dict)] if isinstance(found, list) else []


def merge(
    earlier: Sequence[Row], found: Sequence[Row], keys: tuple[str, str], order: Mapping[str, int]
) -> list[Row]:
    """The rows of both, where those of `found` count: one for each pair of values of the keys.

    `order` has the place of each value of the first key; what is not there comes last.
    """
    rows = {tuple(row.get(key) for key in keys): row for row in (*earlier, *found)}
    return sorted(rows.values(), key=lambda row: order.get(row.get(keys[0], ""), len(order)))


def write(path: Path, rows: Sequence[Row]) -> None:
    """As it is read."""
    path.write_text(json.dumps(list(rows), indent=1) + "\n")


def remark(rows: Sequence[Row]) -> str:
    """What a reader has to know of rows of several runs; empty if they are all of one."""
    if len({when(row) for row in rows}) < 2:  # noqa: PLR2004 - one run has one time
        return ""
    return (
        "Not all of it was measured in one run: the last column says when (UTC). "
        "Only what was measured at the same time had the same machine."
    )


def when(row: Row) -> str:
    """When a row was measured."""
    return str(row.get("measured", BEFORE))
