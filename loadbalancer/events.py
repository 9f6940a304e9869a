"""What happens, for people and for log collectors: one JSON object a line."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from typing import TextIO


class Events:
    """Writes an event for every change of state, with its reason."""

    def __init__(
        self, instance: str, zone: str, out: TextIO | None = None, *, worker: int | None = None
    ) -> None:
        """`worker`: its number, where there are several."""
        self._more = {} if worker is None else {"worker": worker}
        self.called(instance, zone)
        self._out = out or sys.stdout

    def called(self, instance: str, zone: str) -> None:
        """Who we are, from now on."""
        self._always = {"logger": "loadbalancer", "instance": instance, "zone": zone, **self._more}

    def tell(self, event: str, *, level: str = "INFO", **fields: object) -> str:
        """Writes one line, and gives it. `fields` say what and why."""
        line = {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "level": level,
            "message": event,
            **self._always,
            **fields,
        }
        text = json.dumps(line, default=str)
        self._out.write(text + "\n")
        self._out.flush()
        return text

    def pass_on(self, text: str) -> None:
        """Another process has written this line already."""
