import pytest

from loadtests.bench.wrk import NoResult, parse


def test_the_line_of_the_result_among_all_that_wrk_says() -> None:
    found = parse(
        "Running 1s test\n  Latency 1.0ms\n\n"
        'RESULT {"requests":500,"seconds":2.0,"bytes":9,"p50_ms":1.5,"p99_ms":3.25,"errors":2}\n'
    )
    assert (found.rps, found.p50_ms, found.p99_ms, found.errors) == (250.0, 1.5, 3.25, 2)


@pytest.mark.parametrize(("said", "told"), [("", "nothing"), ("unable to connect", "unable")])
def test_without_a_result_there_is_an_error_that_says_why(said: str, told: str) -> None:
    with pytest.raises(NoResult, match=told):
        parse(said)
