import os
import signal
import sys
import time
import weakref
from collections.abc import Iterator
from pathlib import Path

import pytest

from gamedays import cluster
from gamedays.interrupt import Interrupted, interruptible

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Collected: ...


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    before = {one: signal.getsignal(one) for one in (*SIGNALS, signal.SIGALRM)}
    told = sys.unraisablehook
    yield
    sys.unraisablehook = told
    for one, handler in before.items():
        signal.signal(one, handler)


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_interrupts_once_and_what_it_leads_to_is_not_interrupted(
    number: signal.Signals,
) -> None:
    interruptible()
    with pytest.raises(Interrupted, match=number.name):
        os.kill(os.getpid(), number)
    for again in SIGNALS:
        os.kill(os.getpid(), again)
    asked = "import signal; print(signal.getsignal(signal.SIGINT) is signal.SIG_IGN)"
    assert cluster.run(sys.executable, "-c", asked).strip() == "True"


def test_a_signal_while_an_object_is_collected_interrupts_after_it() -> None:
    def collect_and_go_on() -> None:
        here = Collected()
        ref = weakref.ref(here, lambda _: os.kill(os.getpid(), signal.SIGTERM))
        del here
        assert ref() is None
        time.sleep(5)

    interruptible()
    with pytest.raises(Interrupted, match="SIGTERM"):
        collect_and_go_on()


def test_who_was_started_to_ignore_a_signal_goes_on() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    interruptible()
    os.kill(os.getpid(), signal.SIGHUP)


def test_a_script_that_has_begun_is_let_finish(tmp_path: Path) -> None:
    interruptible()
    script = f'sleep 0.3; kill -TERM "$1"; sleep 0.3; echo done >{tmp_path}/done'
    with pytest.raises(Interrupted):
        cluster.run("bash", "-c", script, "_", str(os.getpid()))
    assert (tmp_path / "done").exists()


def test_a_script_that_does_not_end_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    with pytest.raises(cluster.CommandFailed, match="no end after 0 s"):
        cluster.run("bash", "-c", f"(sleep 0.6; touch {tmp_path}/late) & wait", seconds=0.2)
    cluster.run("sleep", "0.7")
    assert not (tmp_path / "late").exists()
