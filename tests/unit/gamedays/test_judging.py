import json
from typing import Any

import pytest

from gamedays.history import History, Record
from gamedays.judging import ALWAYS, Result, checkers, judge, not_run, table
from gamedays.page import page
from gamedays.scenario import parse
from gamedays.timeline import few, marks, plot, rows_of, seconds
from tests.unit.gamedays.script import bought, call, fault, heal, healing, history, seen, truth

SCENARIO = parse(
    "kill",
    """
title = "An instance <dies>"
story = "Somebody kills it, and nobody should notice."
stands_for = {service = "ALB", figure = "10 s"}
steps = [{do = "kill", target = "orders-a-1", then_s = 70}, {do = "heal"}]
[holds]
probe = {gap_s = 1.0}
order = {gap_s = 60}
session = {gap_s = 10}
detect_s = 5
refuse_s = 2
effect_s = 10
recover_s = 5
""",
)


def register(kind: str, f: str, value: str | None, begin: float) -> list[Record]:
    asked: dict[str, Any] = {"f": f} if f == "read" else {"f": f, "value": value}
    return call(kind, "r", begin, begin + 0.1, asked=asked, answered={"value": value})


def counts(n: int) -> list[dict[str, Any]]:
    return [{"show_id": 7, "placed": n, "confirmed": n, "declined": 0}]


def told(kind: str, topic: str = "orders", offset: int = 0, at: float = 50.2) -> dict[str, Any]:
    return {
        "topic": topic, "partition": 3, "offset": offset, "at": at,
        "show_id": 7, "order_id": "o1", "kind": kind,
    }  # fmt: skip


TOLD = [told("OrderPlaced"), told("OrderConfirmed", offset=1)]


WRITTEN = {"f": "write", "value": "k1"}
"""The one order of the run, as a register's."""


def run(*more: list[Record]) -> History:
    """A run in which all went well: one order, confirmed, paid, told, with its ticket."""
    order = {
        "id": "o1", "key": "k1", "seats": [1], "ours": True, "earlier": False,
        "status": "confirmed", "amount": 4200, "currency": "EUR",
    }  # fmt: skip
    tables: dict[str, list[dict[str, Any]]] = {
        "orders": [order],
        "charges": [{"reference": "o1", "key": "o1", "status": "captured", "amount": 4200, "currency": "EUR"}],  # noqa: E501
        "told": TOLD,
        "email": [{"order_id": "o1", "kind": k, "told_at": 51.0} for k in ("OrderPlaced", "OrderConfirmed")],  # noqa: E501
        "text": [{"order_id": "o1", "kind": "OrderConfirmed"}],
        "tickets": [{"order_id": "o1", "seat": 1, "issued_at": 51.0}],
        "shows": [{"id": 7, "seats_total": 10}],
        "sales": [{"id": "o1", "show_id": 7, "seats": [1]}],
        "seats": [{"show_id": 7, "number": 1, "order_id": "o1"}],
        "tally": counts(1),
        "statistics": counts(1),
    }  # fmt: skip
    return history(
        *(call("probe", "/", n / 2, n / 2 + 0.01) for n in range(200)),
        bought("k1", "o1", [1], at=50.0),
        register("session", "write", "open", 1.0),
        register("session", "read", "open", 2.0),
        call("newest", "r", 1.0, 1.1, asked=WRITTEN, answered={"value": "o1"}),
        register("newest", "read", "o1", 2.0),
        *(call("signing", f"shard-{n % 3}", n, n + 0.1) for n in range(100)),
        call("newcomer", "a@b.cd", 3.0, 3.1, answered={"status": 201}),
        fault(30.0, "orders-a-1"),
        seen(31.0, "orders-a-1", "gone"),
        heal(40.0),
        *(truth(name, [], at=-1.0) for name in ("tally", "statistics")),
        *(truth(name, rows) for name, rows in tables.items()),
        *more,
    )


def test_a_run_in_which_all_went_well_passes() -> None:
    result = judge(SCENARIO, 7, run())
    assert {name: c.detail for name, c in result.checks.items() if not c.valid} == {}
    assert result.passed
    assert (result.acknowledged, result.lost, result.duplicated) == (1, 0, 0)
    assert (result.detect_s, result.recover_s) == (1.0, 0.0)
    assert result.outage_s == pytest.approx(50.1)
    assert result.failed_requests == 0
    assert result.requests == 306


BROKEN: dict[str, list[Record]] = {
    "set": bought("k2", "o2", [2], at=60.0),
    "total-queue": truth("email", [], at=300.0),
    "event order": truth("told", TOLD[1:], at=300.0),
    "effects in time": truth(
        "told", [*TOLD, told("PaymentCaptured", "payments", at=99.0)], at=300.0
    ),
    "seats": truth("seats", [], at=300.0),
    "bank": truth("charges", [], at=300.0),
    "newest order": register("newest", "read", None, 70.0),
    "unkeyed once": call("newcomer", "c@d.ef", 60.0, 60.1, "fail", answered={"status": 409}),
    "sessions": register("session", "read", "closed", 70.0),
    "browsing": call("probe", "/x", 60.0, 60.1, "info"),
    "ordering": call("order", "k9", 60.0, 60.1, "fail"),
    "signing in": call("signing", "shard-1", 60.5, 60.6, "info"),
    "detection": seen(20.0, "orders-b-1", "up"),
    "refusals": call("order", "k8", 60.0, 63.0, "info", answered={"status": 503}),
    "recovery": call("probe", "/x", 90.0, 98.0, "fail"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_every_check_can_fail_a_run(name: str) -> None:
    broken = run(BROKEN[name])
    if name == "detection":
        broken = History([r for r in broken.records if r.kind != "seen"])
    result = judge(SCENARIO, 7, broken)
    assert result.verdict == "fail"
    assert result.checks[name].valid is False


def test_a_lost_order_is_lost_once_and_nothing_is_doubled_by_it() -> None:
    """Its e-mails are of no order now, and the totals count one more than the ledger has."""
    emails = [{"order_id": o, "kind": "OrderPlaced", "told_at": 51.0} for o in ("o1", "o2")]
    emails.append({"order_id": "o1", "kind": "OrderConfirmed", "told_at": 51.0})
    told = [truth("email", emails, at=300.0), truth("statistics", counts(2), at=300.0)]
    result = judge(SCENARIO, 7, run(BROKEN["set"], *told))
    assert result.figures["total-queue.duplicated"] > 0
    assert (result.lost, result.duplicated) == (1, 0)


def test_effects_are_counted_where_every_order_is_there() -> None:
    email = {"order_id": "o1", "kind": "OrderPlaced", "told_at": 51.0}
    lost = judge(SCENARIO, 7, run(truth("email", [email], at=300.0)))
    assert (lost.lost, lost.duplicated) == (1, 0)
    told = [email, email, {**email, "kind": "OrderConfirmed"}]
    twice = judge(SCENARIO, 7, run(truth("email", told, at=300.0)))
    assert (twice.lost, twice.duplicated) == (0, 1)


def test_what_is_doubled_is_counted_by_whose_it_is() -> None:
    charge = {"reference": "o1", "status": "captured", "amount": 4200, "currency": "EUR"}
    charges = truth("charges", [charge, charge], at=300.0)
    assert judge(SCENARIO, 7, run(charges)).duplicated == 1
    assert judge(SCENARIO, 7, run(charges, BROKEN["unkeyed once"])).duplicated == 2


def test_a_registers_order_that_nobody_was_told_of_may_be_read() -> None:
    silent = call("newest", "r", 3.0, 90.0, "info", asked={"f": "write", "value": "k2"})
    orders = [*run().truth("orders"), {**run().truth("orders")[0], "id": "o2", "key": "k2"}]
    story = run(silent, register("newest", "read", "o2", 50.0), truth("orders", orders, at=300.0))
    check = judge(SCENARIO, 7, story).checks["newest order"]
    assert check.valid, check.detail


def test_every_check_of_the_table_is_tried_above() -> None:
    assert set(checkers(SCENARIO.holds)) == set(BROKEN)


def test_integrity_is_asked_for_by_every_scenario() -> None:
    holds = SCENARIO.holds.model_copy(update={"sessions": "may be lost"})
    assert "sessions" not in checkers(holds)
    assert set(ALWAYS) <= set(checkers(holds))


def test_a_check_that_cannot_read_the_history_is_no_pass() -> None:
    unread = History([r for r in run().records if r.key != "charges"])
    result = judge(SCENARIO, 7, unread)
    assert result.verdict == "fail"
    assert result.checks["bank"].valid is None
    assert "nobody read the truth about charges" in result.checks["bank"].detail


def test_a_result_is_read_as_it_was_written() -> None:
    for result in (judge(SCENARIO, 7, run()), not_run("kill", 7, "the load failed before")):
        assert Result.decode(json.loads(json.dumps(result.encode()))) == result
    assert not not_run("kill", 7, "why").passed


def test_the_table_names_what_failed_and_why() -> None:
    good, bad = judge(SCENARIO, 7, run()), judge(SCENARIO, 7, run(BROKEN["set"]))
    text = table([good, bad])
    assert text.count("\n") == 3
    assert "set: order o2 was acknowledged and is gone" in text
    assert text.splitlines()[0].startswith("scenario")


def test_times_of_a_machine_that_was_too_busy_are_told_to_be_worth_little() -> None:
    def beside(share: float | None) -> str:
        told = [Record(99.0, "nemesis", "info", "phase", "machine", {"busy": share})]
        return table([judge(SCENARIO, 7, run(told))])

    assert "97% busy" in beside(0.97)
    assert "busy" not in beside(0.5)
    assert "busy" not in beside(None)


def test_the_page_tells_the_story_and_loads_nothing() -> None:
    broken = run(BROKEN["set"])
    text = page(SCENARIO, judge(SCENARIO, 7, broken), broken)
    assert "An instance &lt;dies&gt;" in text
    assert '<span class="fail">fail</span>' in text
    assert "orders-a-1 is gone" in text
    assert "<svg" in text
    assert "<script" not in text
    assert "https://" not in text


def test_a_run_that_was_not_run_has_a_page_too() -> None:
    text = page(SCENARIO, not_run("kill", 7, "the load failed before"), History([]))
    assert "the load failed before" in text
    assert "No picture" in text


def test_seconds_count_where_an_operation_began() -> None:
    operations = history(
        call("probe", "/", 0.1, 0.2),
        call("probe", "/", 0.9, 1.4),
        call("probe", "/", 1.5, 3.0, "info"),
    ).operations
    first, second, third = seconds(operations, 0.0, 3.0)
    assert (first.done, first.failed) == (2, 0)
    assert first.p99 == pytest.approx(0.5)
    assert (second.done, second.failed, second.p99) == (0, 1, None)
    assert (third.done, third.failed, third.p99) == (0, 0, None)


def test_no_text_of_the_picture_lies_on_another() -> None:
    spans = [(0.0, 50.0), (10.0, 60.0), (50.0, 90.0), (20.0, 30.0), (60.0, 70.0)]
    assert rows_of(spans) == [0, 1, 0, 2, 1]
    assert rows_of([]) == []


def test_the_picture_shows_when_healing_began_and_when_all_was_well_again() -> None:
    story = run(healing(35.0), call("order", "k9", 31.0, 36.5, "info"))
    assert [(m.at, m.text) for m in marks(story)] == [
        (30.0, "kill"),
        (35.0, "healing"),
        (36.5, "recovered"),
        (40.0, "healed"),
    ]
    never = run(call("order", "k9", 31.0, None))
    assert "recovered" not in [m.text for m in marks(never)]
    before = run(call("order", "k9", 10.0, 20.0, "info"))
    assert "recovered" not in [m.text for m in marks(before)]


def test_of_many_marks_the_faults_are_told() -> None:
    many = run(
        *(part for at in range(50, 90, 2) for part in (fault(at), healing(at), heal(at + 1)))
    )
    found = marks(many)
    assert len(found) == 2 + 3 * 20
    kept = few(found)
    assert [m for m in kept if not m.heal] == [m for m in found if not m.heal]
    assert {m.text for m in kept if m.heal} == {""}
    assert few(found[:5]) == found[:5]


def test_the_picture_has_a_mark_for_each_fault_and_healing() -> None:
    assert [(m.at, m.heal) for m in marks(run())] == [(30.0, False), (40.0, True)]
    assert plot(run(), ("probe", "order")).count("stroke-dasharray") == 2
