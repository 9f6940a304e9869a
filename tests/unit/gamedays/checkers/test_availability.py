import pytest

from gamedays.checkers.availability import available, longest_gap
from gamedays.history import Record
from tests.unit.gamedays.script import call, history

check = available("browse", gap_s=1.0, errors=0.01)


def probes(*, without: range = range(0), failed: range = range(0)) -> list[list[Record]]:
    """One every 0.1 s for 100 s."""
    return [
        call("browse", "/shows", n / 10, n / 10 + 0.01, "info" if n in failed else "ok")
        for n in range(1000)
        if n not in without
    ]


def test_a_steady_probe_is_valid() -> None:
    verdict = check(history(*probes()))
    assert verdict.valid, verdict.detail
    assert verdict.figures["gap_s"] == pytest.approx(0.1, abs=0.011)


@pytest.mark.parametrize("hole", [range(300, 311), range(12), range(985, 1000)])
def test_a_gap_anywhere_counts(hole: range) -> None:
    verdict = check(history(*probes(without=hole)))
    assert verdict.valid is False
    assert "no browse succeeded for" in verdict.detail


def test_failures_do_not_close_a_gap() -> None:
    verdict = check(history(*probes(failed=range(300, 309))))
    assert verdict.valid  # 9 of 1000 failed, and for 0.99 s
    assert check(history(*probes(failed=range(300, 310)))).valid is False


def test_a_few_errors_here_and_there_are_too_many_together() -> None:
    verdict = check(history(*probes(failed=range(0, 1000, 50))))
    assert verdict.valid is False
    assert "20 of 1000 failed (2.00%); bound 1.00%" in verdict.detail


def test_other_operations_do_not_count() -> None:
    assert check(history(*probes(), call("order", "k", 5.0, 6.0, "info"))).valid
    assert check(history(call("order", "k", 5.0, 6.0))).valid is False


def test_a_success_after_the_window_does_not_shorten_the_gap() -> None:
    assert longest_gap(0.0, 10.0, [1.0, 12.0]) == 9.0
    assert longest_gap(0.0, 10.0, []) == 10.0


def writes(
    shard: str, *, without: range = range(0), failed: range = range(0)
) -> list[list[Record]]:
    """One a second for 100 s."""
    return [
        call("signing", shard, float(n), n + 0.1, "info" if n in failed else "ok")
        for n in range(100)
        if n not in without
    ]


each = available("signing", gap_s=10.0, errors=0.2, keys=3)


def test_of_several_parts_each_is_served() -> None:
    verdict = each(history(*writes("a"), *writes("b"), *writes("c")))
    assert verdict.valid, verdict.detail
    assert verdict.figures["gap_s"] == pytest.approx(1.0)


def test_a_part_that_stays_down_is_not_hidden_by_the_others() -> None:
    for hole in ({"failed": range(40, 55)}, {"without": range(40, 55)}):
        verdict = each(history(*writes("a"), *writes("b", **hole), *writes("c")))
        assert verdict.valid is False
        assert "no signing of b succeeded for 16.00 s; bound 10 s" in verdict.detail


def test_a_part_that_comes_back_in_time_is_served() -> None:
    story = history(*writes("a"), *writes("b", failed=range(40, 44)), *writes("c"))
    verdict = each(story)
    assert verdict.valid, verdict.detail
    assert verdict.figures["gap_s"] == pytest.approx(5.0)


def test_a_part_that_was_never_served_or_tried_is_missed() -> None:
    silent = each(history(*writes("a"), *writes("b"), *writes("c", failed=range(100))))
    assert silent.valid is False
    assert "no signing of c succeeded for 100.00 s" in silent.detail
    untried = each(history(*writes("a"), *writes("b")))
    assert untried.valid is False
    assert "tried of 2 keys; there must be 3" in untried.detail
    assert each(history()).valid is False
