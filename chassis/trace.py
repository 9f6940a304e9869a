"""W3C Trace Context, level 1: read, make and pass on `traceparent`."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass

_TRACEPARENT = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
_SAMPLED = "01"


@dataclass(frozen=True, slots=True)
class Trace:
    """One place in one trace: 16 bytes of trace id, 8 bytes of span id, both in hex."""

    trace_id: str
    span_id: str
    flags: str = _SAMPLED

    @classmethod
    def begin(cls) -> Trace:
        """A new trace."""
        return cls(_hex(128), _hex(64))

    @classmethod
    def parse(cls, header: str | None) -> Trace | None:
        """The caller's trace; None if absent or malformed (then a new one begins: section 3.2)."""
        match = _TRACEPARENT.fullmatch(header) if header else None
        if match is None or not int(match[1], 16) or not int(match[2], 16):
            return None
        return cls(match[1], match[2], match[3])

    def child(self) -> Trace:
        """The same trace, a new span."""
        return Trace(self.trace_id, _hex(64), self.flags)

    def __str__(self) -> str:
        return f"00-{self.trace_id}-{self.span_id}-{self.flags}"


def _hex(bits: int) -> str:
    # Ids, not secrets: asking the system for each lets other threads in, which costs most of all.
    return f"{random.getrandbits(bits):0{bits // 4}x}"
