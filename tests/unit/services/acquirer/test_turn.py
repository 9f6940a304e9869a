import pytest

from services.acquirer.turn import wanted

PRESENT = {"latency_ms": 40, "error_rate": 0.01}


def test_what_is_not_named_stays() -> None:
    assert wanted(PRESENT, ["error_rate=0.5"]) == {"latency_ms": 40, "error_rate": 0.5}


def test_default_puts_all_back() -> None:
    assert wanted(PRESENT, ["default"]) == {}


@pytest.mark.parametrize("word", ["error_rate", "error_rate=", "error_rate=often", "=="])
def test_words_that_make_no_sense(word: str) -> None:
    with pytest.raises(ValueError, match="Expecting value"):
        wanted(PRESENT, [word])
