import pytest

from chassis.trace import Trace

GIVEN = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def test_a_callers_trace_is_read_and_written_alike() -> None:
    assert str(Trace.parse(GIVEN)) == GIVEN


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
