"""Ctrl-C, a signal, a closed terminal: what was broken is healed before the command ends."""

from __future__ import annotations

import signal
import sys

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_AGAIN_SECONDS = 0.01


class Interrupted(BaseException):
    """Somebody wants it to end now."""


def interruptible() -> None:
    """From now on each of these signals raises Interrupted, but for those that are ignored already.

    Once: what it leads to is not interrupted again, and neither are the scripts that it starts.
    """
    for one in _SIGNALS:
        if signal.getsignal(one) is not signal.SIG_IGN:
            signal.signal(one, _interrupt)
    sys.unraisablehook = _forgotten


def _interrupt(number: int, _: object) -> None:
    for one in _SIGNALS:
        signal.signal(one, signal.SIG_IGN)
    raise Interrupted(signal.Signals(number).name)


def _forgotten(lost: sys.UnraisableHookArgs) -> None:
    """Python forgets what a handler raises while an object is collected: it is raised once more."""
    if not isinstance(lost.exc_value, Interrupted):
        sys.__unraisablehook__(lost)
        return
    why = str(lost.exc_value)

    def again(*_: object) -> None:
        raise Interrupted(why)

    signal.signal(signal.SIGALRM, again)
    signal.setitimer(signal.ITIMER_REAL, _AGAIN_SECONDS)
