"""How many requests a pool may have under way, found out by how long they take (Gradient2).

As more requests are under way than a service can work on, they wait inside it, and each takes
longer. So: as long as answers take what they usually take, a few more are let in; as they take
longer, fewer. What does not get in waits here, where it can be refused at once.

The formula and its numbers are those of Netflix' concurrency-limits (Gradient2Limit), with one
sample a second: the mean of what ended in it.
"""

from __future__ import annotations

_TOLERANCE = 1.5
"""Times the usual; less is no sign of waiting."""
_WINDOW = 600
"""Samples that `usual` is an average of, weighted towards the latest."""
_WARMUP = 10
"""Samples until then count alike."""
_SMOOTHING = 0.2
"""Part of the way that is gone at once."""
_QUEUE = 4
"""So many more may always wait inside: without them it could never grow."""
_RECOVERY = 0.95
"""With answers twice as quick as usual, what was usual was a bad time: it is forgotten so fast."""


class Limit:
    """See the top of this file.

    Attributes:
        value: requests that may be under way.
    """

    __slots__ = ("_exact", "_least", "_most", "_samples", "_usual")

    def __init__(self, least: int, most: int) -> None:
        """It begins at `least`, and never leaves these bounds."""
        self._least = min(least, most)
        self._most = most
        self._exact = float(self._least)
        self._usual = 0.0
        self._samples = 0

    @property
    def value(self) -> int:
        """Requests that may be under way."""
        return int(self._exact)

    def observe(self, seconds: float, in_flight: float) -> None:
        """A second has passed in which something ended.

        Args:
            seconds: that it took, in the mean; above 0.
            in_flight: requests that were under way in it, in the mean or at its end.
        """
        usual = self._learn(seconds)
        if in_flight < self._exact / 2:
            return  # nobody asks for more: it cannot be told whether more would do
        gradient = max(0.5, min(1.0, _TOLERANCE * usual / seconds))
        wanted = self._exact * gradient + _QUEUE
        exact = self._exact * (1 - _SMOOTHING) + wanted * _SMOOTHING
        self._exact = max(self._least, min(self._most, exact))

    def _learn(self, seconds: float) -> float:
        self._samples += 1
        part = 1 / self._samples if self._samples <= _WARMUP else 2 / (_WINDOW + 1)
        usual = self._usual * (1 - part) + seconds * part
        self._usual = usual * _RECOVERY if usual > 2 * seconds else usual
        return usual
