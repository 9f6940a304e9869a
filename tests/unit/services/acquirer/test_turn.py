import pytest

from services.acquirer.turn import NoKnob, refusal, wanted

PRESENT = {"latency_ms": 40, "error_rate": 0.01}


def test_what_is_not_named_stays() -> None:
    assert wanted(PRESENT, ["error_rate=0.5"]) == {"latency_ms": 40, "error_rate": 0.5}


def test_default_puts_all_back() -> None:
    assert wanted(PRESENT, ["default"]) == {}


@pytest.mark.parametrize(
    "word",
    ["error_rate", "error_rate=", "error_rate=often", 'error_rate="1"', "error_rate=true"],
)
def test_what_is_no_number_is_refused_with_an_example(word: str) -> None:
    with pytest.raises(NoKnob, match=r"a number is needed, such as error_rate=0\.01"):
        wanted(PRESENT, [word])


@pytest.mark.parametrize("word", ["foo=1", "==", "default"])
def test_an_unknown_knob_is_refused_with_those_that_there_are(word: str) -> None:
    with pytest.raises(NoKnob, match="there are latency_ms, error_rate"):
        wanted(PRESENT, ["latency_ms=1", word])


def test_a_refusal_is_told_field_by_field() -> None:
    problem = {"detail": "no", "errors": [{"field": "error_rate", "message": "at most 1"}]}
    assert refusal(problem) == "error_rate: at most 1"
    assert refusal({"detail": "Postgres is away"}) == "Postgres is away"
