"""Where a record goes that keeps failing by its own fault: aside, whole, and ready for replay."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from chassis.metrics import BUS_DEAD_LETTERS

if TYPE_CHECKING:
    from chassis.bus.producer import Producer

log = logging.getLogger(__name__)

TOPIC = "dead-letters"


class DeadLetters:
    """Publishes to the dead-letter topic on behalf of one consumer group."""

    def __init__(self, producer: Producer, group: str) -> None:
        self._producer = producer
        self._group = group

    async def add(self, record: Any, error: Exception, tries: int) -> None:
        """Sets `record` aside; returns when the brokers have it, so that its offset may move on."""
        reason = f"{type(error).__name__}: {error}"[:500]
        await self._producer.publish(
            [(TOPIC, record.key or b"", record.value or b"")],
            headers=[
                ("source_topic", record.topic.encode()),
                ("source_partition", str(record.partition).encode()),
                ("source_offset", str(record.offset).encode()),
                ("group", self._group.encode()),
                ("error", reason.encode()),
                ("tries", str(tries).encode()),
            ],
        )
        BUS_DEAD_LETTERS.labels(self._group).inc()
        log.error("dead letter", extra={"group": self._group, "reason": reason})
