"""The retry budget."""

from loadbalancer.pools.budget import Grace, RetryBudget


def test_a_few_are_always_allowed() -> None:
    budget = RetryBudget(0.2, 3)
    assert [budget.take() for _ in range(4)] == [True, True, True, False]
    assert (budget.retries, budget.refused) == (3, 1)


def test_a_share_of_the_requests() -> None:
    budget = RetryBudget(0.2, 3)
    budget.requests = 100
    assert sum(budget.take() for _ in range(50)) == 20


def test_only_the_last_ten_seconds_count() -> None:
    budget = RetryBudget(0.2, 3)
    budget.requests = 1000
    for _ in range(9):
        budget.tick()
    assert sum(budget.take() for _ in range(500)) == 200
    for _ in range(10):
        budget.tick()
    assert sum(budget.take() for _ in range(500)) == 3


def test_the_grace_is_what_was_in_flight_once_in_ten_seconds() -> None:
    grace = Grace()
    assert [grace.take(5 - n, 100.0) for n in range(5)] == [True] * 5
    assert not grace.take(9, 109.9)
    assert [grace.take(2, 110.0) for _ in range(3)] == [True, True, False]
