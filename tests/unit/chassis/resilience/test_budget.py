from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.resilience import RetryBudget
from chassis.resilience.window import SlidingCounts

NOW = 1000.0


def allowed(budget: RetryBudget, now: float, tries: int) -> int:
    return sum(budget.try_retry(now) for _ in range(tries))


def test_a_few_retries_are_allowed_without_any_traffic() -> None:
    assert allowed(RetryBudget(), NOW, 50) == 3


def test_a_fifth_of_the_requests_may_be_retried() -> None:
    budget = RetryBudget()
    for _ in range(1000):
        budget.count_request(NOW)
    assert allowed(budget, NOW, 1000) == 200


def test_what_was_refused_costs_nothing() -> None:
    budget = RetryBudget(at_least=0)
    assert allowed(budget, NOW, 1000) == 0
    for _ in range(5):
        budget.count_request(NOW)
    assert allowed(budget, NOW, 10) == 1


def test_the_budget_comes_back_with_time() -> None:
    budget = RetryBudget()
    assert allowed(budget, NOW, 10) == 3
    assert allowed(budget, NOW + 8.9, 10) == 0
    assert allowed(budget, NOW + 10.0, 10) == 3


def test_quiet_times_are_not_saved_up() -> None:
    budget = RetryBudget()
    for _ in range(1000):
        budget.count_request(NOW)
    assert allowed(budget, NOW + 10.0, 1000) == 3


def test_a_negative_budget_is_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        RetryBudget(ratio=-0.1)


@given(
    st.lists(st.tuples(st.booleans(), st.floats(min_value=0, max_value=3)), max_size=200),
    st.floats(min_value=0, max_value=1),
    st.integers(min_value=0, max_value=5),
)
def test_no_retry_ever_exceeds_the_share_of_its_window(
    script: list[tuple[bool, float]], ratio: float, at_least: int
) -> None:
    budget = RetryBudget(ratio=ratio, at_least=at_least)
    seen = SlidingCounts(2, 10.0)  # kept here from what is visible outside
    now = NOW
    for is_retry, gap in script:
        now += gap
        if not is_retry:
            budget.count_request(now)
            seen.add(now, 1, 0)
        elif budget.try_retry(now):
            seen.add(now, 0, 1)
            requests, retries = seen.sums(now)
            assert retries <= max(at_least, ratio * requests)
        else:
            requests, retries = seen.sums(now)
            assert retries + 1 > max(at_least, ratio * requests)
