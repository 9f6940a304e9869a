"""What goes over the bus: a fact, in the past tense, with an id that never changes."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson

from chassis.context import current_traceparent


class Undecodable(ValueError):
    """A record that is no event: it can only go to the dead letters."""


@dataclass(frozen=True, slots=True)
class Event:
    """One event. Events with the same key keep their order; `id` is what consumers know it by."""

    id: str
    type: str
    key: str
    data: dict[str, Any]
    time: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="milliseconds"))
    traceparent: str = field(default_factory=current_traceparent)

    @classmethod
    def about(cls, subject: str, kind: str, key: str, data: dict[str, Any]) -> Event:
        """The event `kind` of `subject` (a UUID), which happens to it once at most.

        Its id follows from the two, so that an event published again, by whomever and after
        whatever crash, is the same event.
        """
        return cls(str(uuid.uuid5(uuid.UUID(subject), kind)), kind, key, data)

    def encode(self) -> bytes:
        """The record's value; the key travels as the record's key."""
        return orjson.dumps(
            {
                "id": self.id,
                "type": self.type,
                "time": self.time,
                "traceparent": self.traceparent,
                "data": self.data,
            }
        )

    @classmethod
    def decode(cls, key: bytes | None, value: bytes | None) -> Event:
        """Reads a record.

        Raises:
            Undecodable: it is not JSON, or lacks a field, or has one that cannot be used.
        """
        try:
            fields = orjson.loads(value or b"")
            return cls(
                id=str(uuid.UUID(str(fields["id"]))),
                type=str(fields["type"]),
                key=(key or b"").decode(),
                data={**fields["data"]},  # a mapping, or TypeError
                time=str(fields["time"]),
                traceparent=str(fields["traceparent"]),
            )
        except KeyError as error:
            raise Undecodable(f"not an event: {error} is missing") from error
        except (ValueError, TypeError) as error:
            raise Undecodable(f"not an event: {error}") from error
