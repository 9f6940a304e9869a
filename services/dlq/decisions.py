"""What a dead letter says, and which ones are to be replayed: pure.

A record that several groups gave up lies here once for each of them. It goes back to its topic
once, where all groups read it: those that had its effect before know it by its id.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson

_ERROR_SHOWN = 90
_SOURCE = ("source_topic", "source_partition", "source_offset")
_METADATA_BYTES = 4_096
"""What Kafka keeps beside a committed offset (offset.metadata.max.bytes)."""


class CannotReplay(ValueError):
    """What was asked for is not to be had; the message is for a person."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A record that a consumer group gave up, as it lies in the dead-letter topic."""

    partition: int
    offset: int
    time: datetime
    topic: str
    source: str
    group: str
    type: str
    error: str
    tries: str
    key: bytes | None
    value: bytes

    @staticmethod
    def read(record: Any) -> Letter:
        """Reads a record; what is missing is said to be unknown, never an error."""
        headers = {name: value.decode(errors="replace") for name, value in record.headers}
        return Letter(
            partition=record.partition,
            offset=record.offset,
            time=datetime.fromtimestamp(record.timestamp / 1000, UTC),
            topic=headers.get("source_topic", ""),
            source=":".join(headers.get(name, "") for name in _SOURCE),
            group=headers.get("group", "?"),
            type=_event_type(record.value),
            error=headers.get("error", "?"),
            tries=headers.get("tries", "?"),
            key=record.key or None,
            value=record.value or b"",
        )

    @property
    def name(self) -> str:
        """How a person asks for it."""
        return f"{self.partition}:{self.offset}"


@dataclass(frozen=True, slots=True)
class Progress:
    """What of a partition was replayed: all before `before`, and some by themselves after it.

    It is what Kafka keeps of the group `dlq-replay`: an offset, and these offsets as its metadata.
    """

    before: int = 0
    alone: frozenset[int] = field(default_factory=frozenset)

    @staticmethod
    def decode(offset: int, metadata: str) -> Progress:
        """Reads it as it was committed; an offset under 0 means that there was no commit."""
        alone = frozenset(int(word) for word in metadata.split(",") if word.isdigit())
        return Progress(max(0, offset), alone)

    def encode(self) -> tuple[int, str]:
        """The offset and its metadata.

        Raises:
            CannotReplay: too many were replayed one by one to be remembered.
        """
        metadata = ",".join(map(str, sorted(self.alone)))
        if len(metadata) > _METADATA_BYTES:
            raise CannotReplay("too many were replayed one by one: use REPLAY=all now")
        return self.before, metadata

    def has(self, offset: int) -> bool:
        """Was it replayed?"""
        return offset < self.before or offset in self.alone

    def add(self, offsets: Iterable[int], upto: int | None = None) -> Progress:
        """These were replayed now; with `upto`, so is everything before it."""
        before = self.before if upto is None else max(self.before, upto)
        alone = {offset for offset in self.alone | set(offsets) if offset >= before}
        return Progress(before, frozenset(alone))


def choose(wish: str, letters: list[Letter], progress: Mapping[int, Progress]) -> list[Letter]:
    """Which letters to send: of `all` that were not yet, or `partition:offset` whether or not.

    Of several letters about one record, one.

    Raises:
        CannotReplay: there is no such letter, or it does not say where it came from.
    """
    if wish == "all":
        waiting = {
            letter.source: letter
            for letter in reversed(letters)
            if letter.topic and not progress.get(letter.partition, Progress()).has(letter.offset)
        }
        chosen = sorted(waiting.values(), key=lambda one: (one.time, one.partition, one.offset))
    else:
        chosen = [letter for letter in letters if letter.name == wish]
        if not chosen:
            raise CannotReplay(f"REPLAY={wish}: all, or one that `make dlq` lists, such as 0:17")
        if not chosen[0].topic:
            raise CannotReplay(f"{wish} does not say which topic it came from")
    return chosen


def after_replay(
    wish: str, chosen: list[Letter], letters: list[Letter], progress: Mapping[int, Progress]
) -> dict[int, Progress]:
    """The progress of the partitions that changed: all letters about a record that was sent."""
    sent = {letter.source for letter in chosen}
    done = [letter for letter in letters if wish == "all" or letter.source in sent]
    changed = {}
    for partition in sorted({letter.partition for letter in done}):
        was = progress.get(partition, Progress())
        offsets = [letter.offset for letter in done if letter.partition == partition]
        now = was.add(offsets, upto=max(offsets) + 1 if wish == "all" else None)
        if now != was:
            changed[partition] = now
    return changed


def table(letters: list[Letter], progress: Mapping[int, Progress]) -> str:
    """The list as a person reads it, oldest first."""
    if not letters:
        return "no dead letters"
    rows = [("letter", "time", "topic", "group", "type", "tries", "replayed", "error")]
    rows += [
        (
            letter.name,
            letter.time.strftime("%m-%d %H:%M:%S"),
            letter.topic or "?",
            letter.group,
            letter.type,
            letter.tries,
            "yes" if progress.get(letter.partition, Progress()).has(letter.offset) else "",
            letter.error[:_ERROR_SHOWN],
        )
        for letter in sorted(letters, key=lambda one: (one.time, one.partition, one.offset))
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def _event_type(value: bytes | None) -> str:
    try:
        return str(orjson.loads(value or b"")["type"])
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return "?"
