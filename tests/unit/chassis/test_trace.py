import pytest

from chassis.trace import Trace

GIVEN = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def test_a_callers_trace_is_read_and_written_alike() -> None:
    assert str(Trace.parse(GIVEN)) == GIVEN


def test_what_other_tracing_systems_say_is_passed_on_as_it_came() -> None:
    trace = Trace.parse(GIVEN, "congo=t61rcWkgMzE,rojo=00f067aa0ba902b7")
    assert trace is not None
    assert trace.child().state == "congo=t61rcWkgMzE,rojo=00f067aa0ba902b7"


@pytest.mark.parametrize("state", [None, "", "a=1\r\nX-Account-Id: 1", "a=é", "a=" + "1" * 511])
def test_what_cannot_be_passed_on_is_dropped(state: str | None) -> None:
    trace = Trace.parse(GIVEN, state)
    assert trace is not None
    assert trace.state == ""


def test_a_child_keeps_the_trace_and_gets_a_span_of_its_own() -> None:
    parent = Trace.begin()
    child = parent.child()
    assert child.trace_id == parent.trace_id
    assert child.span_id != parent.span_id


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "rubbish",
        GIVEN.replace("00-", "ff-", 1),
        GIVEN.upper(),
        GIVEN + "-extra",
        "00-" + "0" * 32 + "-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-" + "0" * 16 + "-01",
    ],
)
def test_a_malformed_header_is_no_trace(header: str | None) -> None:
    assert Trace.parse(header) is None
