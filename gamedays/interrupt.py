"""Ctrl-C, a signal, a closed terminal: what was broken is healed before the command ends."""

from __future__ import annotations

import signal

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(BaseException):
    """Somebody wants it to end now."""


def interruptible() -> None:
    """From now on each of these signals raises Interrupted, but for those that are ignored already.

    Once: what it leads to is not interrupted again, and neither are the scripts that it starts.
    """
    for one in _SIGNALS:
        if signal.getsignal(one) is not signal.SIG_IGN:
            signal.signal(one, _interrupt)


def _interrupt(number: int, _: object) -> None:
    for one in _SIGNALS:
        signal.signal(one, signal.SIG_IGN)
    raise Interrupted(signal.Signals(number).name)
