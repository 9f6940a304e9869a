"""W3C Trace Context, level 1: read, make and pass on `traceparent`, and `tracestate` as it came."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass

_TRACEPARENT = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
_TRACESTATE = re.compile(
    r"[\t\x20-\x7e]{1,512}"
)  # what is longer need not be passed on: section 3.3
_SAMPLED = "01"


@dataclass(frozen=True, slots=True)
class Trace:
    """One place in one trace: 16 bytes of trace id, 8 bytes of span id, both in hex.

    `state` is what tracing systems before us have to say to those behind us.
    """

    trace_id: str
    span_id: str
    flags: str = _SAMPLED
    state: str = ""

    @classmethod
    def begin(cls) -> Trace:
        """A new trace."""
        return cls(_hex(128), _hex(64))

    @classmethod
    def parse(cls, header: str | None, state: str | None = None) -> Trace | None:
        """The caller's trace; None if absent or malformed (then a new one begins: section 3.2).

        `state` is its tracestate; one that cannot be a header's value is dropped.
        """
        match = _TRACEPARENT.fullmatch(header) if header else None
        if match is None or not int(match[1], 16) or not int(match[2], 16):
            return None
        passed = state if state and _TRACESTATE.fullmatch(state) else ""
        return cls(match[1], match[2], match[3], passed)

    def child(self) -> Trace:
        """The same trace, a new span."""
        return Trace(self.trace_id, _hex(64), self.flags, self.state)

    def __str__(self) -> str:
        return f"00-{self.trace_id}-{self.span_id}-{self.flags}"


def _hex(bits: int) -> str:
    # Ids, not secrets: asking the system for each lets other threads in, which costs most of all.
    return f"{random.getrandbits(bits):0{bits // 4}x}"
