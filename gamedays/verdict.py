"""What a checker says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from gamedays.history import History

_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Verdict:
    """`valid` is None where a checker could not find out: that is no pass.

    `detail` is one line for a person; `figures` are numbers for the summary.
    """

    valid: bool | None
    detail: str
    figures: dict[str, float] = field(default_factory=dict)


Checker = Callable[[History], Verdict]


def judge(good: str, findings: Sequence[str], figures: dict[str, float] | None = None) -> Verdict:
    """Valid if there are no findings; otherwise the first of them are the detail."""
    if not findings:
        return Verdict(True, good, figures or {})
    more = f"; and {len(findings) - _SHOWN} more" if len(findings) > _SHOWN else ""
    return Verdict(False, "; ".join(findings[:_SHOWN]) + more, figures or {})
