from gamedays.checkers.newcomers import newcomers
from tests.unit.gamedays.script import call, history

CAME = call("newcomer", "a@b.cd", 1.0, 1.1, answered={"status": 201})
FAILED = call("newcomer", "c@d.ef", 2.0, 2.1, "info", answered={"status": 502})
SILENT = call("newcomer", "g@h.ij", 3.0, None)


def test_failing_is_allowed() -> None:
    verdict = newcomers(history(CAME, FAILED, SILENT))
    assert verdict.valid
    assert verdict.detail == "3 unkeyed requests, 1 done, none of them twice"


def test_an_address_that_is_taken_was_asked_for_twice() -> None:
    taken = call("newcomer", "k@l.mn", 4.0, 4.1, "fail", answered={"status": 409})
    verdict = newcomers(history(CAME, taken))
    assert verdict.valid is False
    assert verdict.figures == {"duplicated": 1}
    assert "k@l.mn was asked for twice" in verdict.detail


def test_nobody_shows_nothing() -> None:
    assert newcomers(history()).valid is False
    assert newcomers(history(FAILED, SILENT)).valid is False
