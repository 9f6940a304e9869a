"""The retry budget."""

from loadbalancer.pools.budget import RetryBudget


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
