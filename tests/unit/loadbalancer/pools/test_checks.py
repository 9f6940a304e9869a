"""Active checks as scripts: what is heard, and what follows."""

import pytest

from loadbalancer.pools.checks import ActiveCheck, Outcome, Verdict, interpret
from loadbalancer.pools.settings import CheckSettings

READY = Outcome(Verdict.READY)
FAILED = Outcome(Verdict.FAILED, "refused", answered=False)
UNREADY = Outcome(Verdict.UNREADY, "starting")
DRAINING = Outcome(Verdict.DRAINING, "draining")
LETTERS = {"r": READY, "f": FAILED, "u": UNREADY, "d": DRAINING}


@pytest.mark.parametrize(
    ("script", "ready"),
    [
        ("", ""),
        ("r", "+"),  # the first success counts at once
        ("f", "-"),
        ("rff", "+++"),  # two failures in a row are not believed
        ("rfff", "+++-"),
        ("rffrff", "++++++"),
        ("rfffr", "+++--"),  # one success is not believed either
        ("rfffrr", "+++--+"),
        ("rfffrfrr", "+++----+"),
        ("ru", "+-"),  # it says so itself: believed at once
        ("rur", "+-+"),
        ("rdr", "+-+"),
        ("ur", "-+"),
        ("fr", "--"),
        ("frr", "--+"),
    ],
)
def test_who_is_ready_when(script: str, ready: str) -> None:
    check = ActiveCheck(CheckSettings())
    heard = ""
    for at, letter in enumerate(script):
        check.record(LETTERS[letter], float(at), 0.0)
        heard += "+" if check.ready else "-"
    assert heard == ready


def test_one_failure_is_enough_for_whom_discovery_lost() -> None:
    check = ActiveCheck(CheckSettings())
    check.record(READY, 0.0, 0.0)
    check.record(FAILED, 1.0, 0.0, doubted=True)
    assert not check.ready
    assert check.reason == "refused"


def test_the_next_check_is_due_with_jitter_and_sooner_while_down() -> None:
    check = ActiveCheck(CheckSettings(interval=2.0, jitter=0.2, down_interval=1.0))
    check.record(READY, 10.0, 1.0)
    assert check.due == pytest.approx(12.4)
    check.record(READY, 10.0, -1.0)
    assert check.due == pytest.approx(11.6)
    check.record(UNREADY, 10.0, 0.0)
    assert check.due == pytest.approx(11.0)


def test_the_next_check_comes_soon_after_a_failure_that_is_not_believed_yet() -> None:
    check = ActiveCheck(CheckSettings(interval=2.0, down_interval=1.0, doubt_interval=0.25, fall=3))
    dues = []
    for outcome in (READY, FAILED, FAILED, READY, FAILED, FAILED, FAILED):
        check.record(outcome, 10.0, 0.0)
        dues.append(check.due - 10.0)
    assert dues == [2.0, 0.25, 0.25, 2.0, 0.25, 0.25, 1.0]


def test_draining_ends_when_it_no_longer_answers() -> None:
    check = ActiveCheck(CheckSettings())
    said = []
    for outcome in (READY, DRAINING, FAILED, FAILED, FAILED):
        check.record(outcome, 0.0, 0.0)
        said.append((check.draining, check.reason))
    assert said == [(False, ""), *[(True, "draining")] * 3, (False, "refused")]


@pytest.mark.parametrize(
    ("status", "body", "verdict", "reason"),
    [
        (200, b"ready\n", Verdict.READY, ""),
        (503, b"draining\n", Verdict.DRAINING, "draining"),
        (503, b'{"status": "Draining"}', Verdict.DRAINING, '{"status": "Draining"}'),
        (503, b"starting: migrate\nmore", Verdict.UNREADY, "starting: migrate"),
        (503, b"", Verdict.UNREADY, "not ready"),
        (503, b"\x00\x1b[2J", Verdict.UNREADY, "[2J"),
        (503, b"x" * 500, Verdict.UNREADY, "x" * 80),
        (500, b"oops", Verdict.FAILED, "status 500"),
        (404, b"", Verdict.FAILED, "status 404"),
    ],
)
def test_what_an_answer_means(status: int, body: bytes, verdict: Verdict, reason: str) -> None:
    outcome = interpret(status, body, "a/orders-a-1", CheckSettings())
    assert (outcome.verdict, outcome.reason) == (verdict, reason)
    assert (outcome.zone, outcome.name) == ("a", "orders-a-1")
    assert outcome.answered


def test_an_address_that_now_belongs_to_another_service_is_not_ours() -> None:
    settings = CheckSettings(name_prefix="orders-")
    outcome = interpret(200, b"ready", "a/tickets-a-1", settings)
    assert outcome.verdict is Verdict.FAILED
    assert outcome.reason == "this address answers as tickets-a-1"
    assert outcome.name == ""
    assert interpret(200, b"ready", "a/orders-a-2", settings).verdict is Verdict.READY
    assert interpret(200, b"ready", "", settings).verdict is Verdict.READY
