from dataclasses import replace

from gamedays.judging import Check, Result, not_run
from gamedays.measured import HEAD, record, recorded, rows
from gamedays.scenario import load


def result(gap: float, verdict: str = "pass", lost: int = 0) -> Result:
    figures = {"ordering.gap_s": gap}
    return Result(
        "kill-zone", 1, verdict, {}, detect_s=gap / 2, recover_s=0.0, lost=lost, figures=figures
    )


def test_what_was_never_run_is_blank() -> None:
    scenario = load("kill-zone")
    (row,) = rows([scenario], [])[2:]
    assert row.endswith("|  |  |  |  |  |")
    assert row.startswith(f"| kill-zone | {scenario.holds.order.gap_s:g} s · ")


def test_median_and_worst_are_told_and_who_failed_is_not_hidden() -> None:
    runs = [result(1.0), result(2.0), result(9.0, "fail", lost=3), not_run("kill-zone", 1, "no")]
    (row,) = rows([load("kill-zone")], runs)[2:]
    assert row.endswith("| 2 of 3 | 2.0 s (9.0 s) | 1.0 s (4.5 s) | 0.0 s (0.0 s) | 3 · 0 |")
    assert row.count(" | ") + 1 == HEAD.count(" | ") + 1


def test_only_the_newest_runs_count() -> None:
    runs = [result(9.0, "fail"), *(result(1.0 + n / 10) for n in range(5))]
    (row,) = rows([load("kill-zone")], runs)[2:]
    assert "| 5 of 5 | 1.2 s (1.4 s) |" in row


def test_a_run_goes_on_record_once_with_what_failed() -> None:
    checks = {"set": Check(True, "all there"), "detection": Check(False, "after 14 s")}
    run = replace(result(1.0, "fail"), folder="reports/gamedays/1-kill-zone", checks=checks)
    other = replace(run, folder="reports/gamedays/2-kill-zone")
    text = record([run, not_run("kill-zone", 1, "no")], [])
    (kept,) = recorded(text)
    assert kept == replace(run, checks={"detection": checks["detection"]})
    text += record([run, other], [kept])
    assert [r.folder for r in recorded(text)] == [run.folder, other.folder]
