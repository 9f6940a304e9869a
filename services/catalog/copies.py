"""A cached answer and its times: when it was read, and for how long it may be given out.

    loaded_at         fresh_until        + grace              kept_until (Redis forgets it)
        |-- fresh ---------|-- being renewed ---|-- stale ---------|

Fresh: give it out. Being renewed: give it out, and have a new one read meanwhile. Stale: only if
no new one is to be had, and say so. Times are in seconds since 1970, since instances share copies.
"""

from __future__ import annotations

from dataclasses import dataclass

from services.catalog.decisions import jittered

_FORMAT = b"1"  # the first word of an encoded copy; another one is another format


@dataclass(frozen=True, slots=True)
class Copy:
    """What was known at one moment."""

    body: bytes
    loaded_at: float
    fresh_until: float

    @classmethod
    def make(cls, body: bytes, asked: float, now: float, seconds: float, chance: float) -> Copy:
        """A copy just read; fresh for about `seconds`, by a `chance` in [0, 1).

        It is as old as the question, `asked` then: a source that was slow may have answered at once
        and the answer been on its way since.
        """
        return cls(body, asked, now + jittered(seconds, chance))

    def age(self, now: float) -> int:
        """Whole seconds since it was asked for; never below 0, for clocks differ a little."""
        return max(0, int(now - self.loaded_at))

    def encode(self) -> bytes:
        """As Redis keeps it: a line about it, then the body."""
        about = f"{self.loaded_at:.3f} {self.fresh_until:.3f}".encode()
        return b"%s %s\n%s" % (_FORMAT, about, self.body)

    @classmethod
    def decode(cls, value: bytes) -> Copy | None:
        """Reads what `encode` made; None if it is something else."""
        about, _, body = value.partition(b"\n")
        try:
            version, loaded_at, fresh_until = about.split(b" ")
            copy = cls(body, float(loaded_at), float(fresh_until))
        except ValueError:
            return None
        return copy if version == _FORMAT else None
