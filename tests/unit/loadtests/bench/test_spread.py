import pytest

from loadtests.bench.spread import Spread, quantile


def test_median_least_and_most() -> None:
    assert Spread.of([3.0, 1.0, 10.0]) == Spread(3.0, 1.0, 10.0)
    assert Spread.of([1.0, 2.0]).median == 1.5


def test_of_nothing_there_is_none() -> None:
    with pytest.raises(ValueError, match="no value"):
        Spread.of([])
    with pytest.raises(ValueError, match="no value"):
        quantile([], 0.5)


@pytest.mark.parametrize(
    ("share", "value"), [(0.0, 1), (0.5, 5), (0.9, 9), (0.99, 10), (1.0, 10), (0.501, 6)]
)
def test_quantiles_are_values_that_occurred(share: float, value: int) -> None:
    assert quantile([float(n) for n in range(10, 0, -1)], share) == value
