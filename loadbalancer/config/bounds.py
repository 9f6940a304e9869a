"""Which numbers make sense, setting by setting. What is not named here may be 0 or more."""

from __future__ import annotations

import math
from typing import NamedTuple

_YEAR = 31_536_000
_MOST = 2**53


class Range(NamedTuple):
    """Numbers from `least` to `most`."""

    least: float
    most: float
    above: bool = False
    """`least` itself is too little."""

    def holds(self, number: float) -> bool:
        """Is it one of them? What is no number is none."""
        enough = number > self.least if self.above else number >= self.least
        return enough and number <= self.most and not math.isnan(number)

    def __str__(self) -> str:
        if self.above:
            return f"must be more than {self.least:g}, and {self.most:.15g} at most"
        if self.most == _MOST:
            return f"must be {self.least:g} or more"
        return f"must be from {self.least:g} to {self.most:.15g}"


SECONDS = Range(0, _YEAR)
_TIME = Range(0, _YEAR, above=True)
_COUNT = Range(0, _MOST)
_SOME = Range(1, _MOST)
_SHARE = Range(0, 1)
_FACTOR = Range(0, 1_000, above=True)
_STATUS = Range(100, 599)

RANGES = {
    "PoolSettings": {
        "hash_bound": _SOME, "panic": _SHARE, "connect": _TIME, "try_seconds": _TIME,
        "try_factor": _FACTOR, "try_least": _TIME, "try_most": _TIME, "deadline": _TIME,
        "stall": _TIME, "max_requests": _SOME, "adaptive_least": _SOME, "max_connections": _SOME,
    },
    "CheckSettings": {
        "interval": _TIME, "jitter": _SHARE, "down_interval": _TIME, "doubt_interval": _TIME,
        "timeout": _TIME, "fall": _SOME, "rise": _SOME,
    },
    "EjectSettings": {"failures": _SOME, "errors": _SOME, "statuses": _STATUS},
    "RetrySettings": {"tries": _SOME, "budget": _SHARE},
    "Limits": {"head": _SOME, "start_line": _SOME, "fields": _SOME, "chunk_line": _SOME},
    "FrontSettings": {
        "head": _TIME, "body_idle": _TIME, "body_total": _TIME, "tunnel_idle": _TIME,
        "max_connections": _SOME, "access_log_sample": _SHARE,
    },
    "TlsSettings": {"handshake": _TIME},
}  # fmt: skip


def range_of(settings: type, name: str, kind: type) -> Range:
    """What a setting may be, which is a number of this kind or has several."""
    usual = SECONDS if kind is float else _COUNT
    return RANGES.get(settings.__name__, {}).get(name, usual)
