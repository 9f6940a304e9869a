import dataclasses

from gamedays.checkers.recovery import detected, recovered
from tests.unit.gamedays.script import call, fault, heal, healing, history, seen

KILLED = [fault(50.0, "orders-a-1", "orders-b-1"), seen(1.0, "orders-a-1", "up")]
ALSO = seen(1.0, "orders-b-1", "up")


def test_detection_is_when_the_last_target_was_seen_away() -> None:
    gone = [seen(50.4, "orders-a-1", "ejected"), seen(52.0, "orders-b-1", "failing")]
    story = history(*KILLED, ALSO, *gone)
    verdict = detected(5.0)(story)
    assert verdict.valid
    assert verdict.figures == {"detect_s": 2.0}
    assert detected(1.0)(story).valid is False


def test_what_was_seen_before_the_fault_is_not_its_doing() -> None:
    story = history(*KILLED, seen(40.0, "orders-a-1", "ejected"), seen(45.0, "orders-a-1", "up"))
    assert detected(5.0)(story).valid is False


def test_a_target_that_nobody_noticed_is_named() -> None:
    verdict = detected(5.0)(history(*KILLED, ALSO, seen(51.0, "orders-a-1", "gone")))
    assert verdict.valid is False
    assert "but never orders-b-1" in verdict.detail


def test_a_target_that_nobody_looks_at_is_no_concern() -> None:
    assert detected(5.0)(history(*KILLED, seen(51.0, "orders-a-1", "gone"))).valid


def test_without_a_bound_it_is_measured_and_not_judged() -> None:
    assert detected(None)(history(*KILLED)).valid
    assert detected(None)(history(*KILLED, ALSO, seen(51.0, "orders-a-1", "gone"))).valid
    assert detected(None)(history()).valid
    assert detected(5.0)(history()).valid is False


def test_each_fault_has_to_be_noticed() -> None:
    first = [fault(50.0, "x"), seen(51.0, "x", "away"), healing(60.0), seen(61.0, "x", "up")]
    again = [fault(70.0, "y"), seen(1.0, "y", "up")]
    verdict = detected(5.0)(history(*first, *again, seen(73.0, "y", "away")))
    assert verdict.valid
    assert verdict.figures == {"detect_s": 3.0}
    silent = detected(5.0)(history(*first, *again))
    assert silent.valid is False
    assert "but never y" in silent.detail
    assert detected(5.0)(history(*first, *again, seen(76.0, "y", "away"))).valid is False
    assert detected(None)(history(*first, *again)).figures == {"detect_s": 1.0}


def test_what_is_seen_of_the_next_fault_was_not_seen_of_this_one() -> None:
    twice = [fault(50.0, "x"), fault(52.0, "x"), seen(1.0, "x", "up"), seen(53.0, "x", "away")]
    assert detected(5.0)(history(*twice)).valid is False


def test_who_was_away_already_cannot_be_noticed() -> None:
    story = [seen(45.0, "y", "away"), fault(50.0, "x", "y"), seen(51.0, "x", "away")]
    assert detected(5.0)(history(*story)).valid
    assert detected(5.0)(history(story[0], fault(50.0, "y"))).valid is False


def test_a_healing_of_some_is_no_fault() -> None:
    (healed,) = fault(60.0, "y")
    healed = dataclasses.replace(healed, key="heal who was split")
    story = [fault(50.0, "x"), seen(51.0, "x", "away"), [healed], seen(1.0, "y", "up")]
    assert detected(5.0)(history(*story)).valid


def test_what_is_rolled_has_no_one_moment_of_detection() -> None:
    (rolled,) = fault(50.0, "orders-a-1")
    rolled = dataclasses.replace(rolled, key="roll all orders")
    story = history([rolled], seen(1.0, "orders-a-1", "up"), seen(90.0, "orders-a-1", "gone"))
    assert detected(None)(story).figures == {}


def test_recovery_is_the_end_of_the_last_trouble() -> None:
    story = history(
        fault(50.0, "x"),
        call("order", "1", 40.0, 40.1, "info"),  # before the fault
        call("order", "2", 51.0, 52.0, "info"),
        call("order", "3", 53.0, 56.5),  # slow
        call("order", "4", 60.0, 60.1),
        call("browse", "5", 70.0, 71.0, "fail"),  # another kind
    )
    verdict = recovered(["order"], since="fault", bound_s=10.0)(story)
    assert verdict.valid
    assert verdict.figures == {"recover_s": 6.5}
    assert recovered(["order"], since="fault", bound_s=6.0)(story).valid is False


def test_nobody_in_trouble_is_recovered_at_once() -> None:
    story = history(fault(50.0, "x"), call("order", "1", 60.0, 60.1))
    assert recovered(["order"], since="fault", bound_s=0.5)(story).figures == {"recover_s": 0.0}


def test_recovery_may_be_counted_from_the_healing() -> None:
    story = history(fault(30.0, "x"), heal(60.0), call("order", "1", 40.0, 64.0, "info"))
    verdict = recovered(["order"], since="heal", bound_s=5.0)(story)
    assert verdict.valid
    assert verdict.figures == {"recover_s": 4.0}
    unhealed = history(fault(30.0, "x"))
    assert recovered(["order"], since="heal", bound_s=5.0)(unhealed).valid is False


def test_a_healing_is_a_disturbance_of_its_own() -> None:
    story = history(
        fault(30.0, "x"),
        call("order", "1", 29.9, 32.0),  # under way when it was done
        healing(60.0),
        call("order", "2", 62.0, 65.0, "info"),
        heal(70.0),
        fault(80.0, "x"),
        call("order", "3", 81.0, 82.5),
    )
    verdict = recovered(["order"], since="fault", bound_s=5.0)(story)
    assert verdict.valid
    assert verdict.figures == {"recover_s": 5.0}
    assert recovered(["order"], since="heal", bound_s=12.5)(story).figures == {"recover_s": 12.5}


def test_who_still_fails_at_the_end_has_not_recovered() -> None:
    for ending in (call("order", "1", 97.0, 99.0, "info"), call("order", "1", 60.0, None)):
        story = history(fault(50.0, "x"), ending)
        verdict = recovered(["order"], since="fault", bound_s=None)(story)
        assert verdict.valid is False
        assert "not recovered when the load ended" in verdict.detail
