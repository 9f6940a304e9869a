"""May it be tried again? The table of design.md, whole."""

import pytest

from loadbalancer.pools.budget import RetryBudget
from loadbalancer.pools.retry import Failure, Retry, decide
from loadbalancer.pools.settings import RetrySettings

SENT = [Failure.RESET, Failure.TIMEOUT, Failure.NONSENSE]


def ask(
    failure: Failure,
    *,
    repeatable: bool = True,
    whole: bool = True,
    tries: int = 1,
    connects: int = 0,
    budget: RetryBudget | None = None,
    grace: bool = False,
) -> Retry:
    return decide(
        failure, repeatable=repeatable, whole=whole, tries=tries, connects=connects,
        settings=RetrySettings(tries=3), budget=budget or RetryBudget(0.2, 3),
        grace=lambda: grace,
    )  # fmt: skip


def test_nothing_sent_goes_elsewhere_whatever_it_is() -> None:
    budget = RetryBudget(0.2, 0)
    for repeatable in (True, False):
        assert ask(Failure.CONNECT, repeatable=repeatable, budget=budget) is Retry.ELSEWHERE
    assert budget.retries == 0
    assert ask(Failure.CONNECT, connects=5) is Retry.TRIED_ENOUGH
    assert ask(Failure.CONNECT, whole=False) is Retry.NOT_WHOLE


@pytest.mark.parametrize("failure", SENT)
def test_sent_and_unanswered_goes_elsewhere_only_if_that_is_safe(failure: Failure) -> None:
    assert ask(failure) is Retry.ELSEWHERE
    assert ask(failure, repeatable=False) is Retry.NOT_SAFE
    assert ask(failure, whole=False) is Retry.NOT_WHOLE
    assert ask(failure, tries=3) is Retry.TRIED_ENOUGH
    assert ask(failure, budget=RetryBudget(0.2, 0)) is Retry.NO_BUDGET
    assert ask(failure, budget=RetryBudget(0.2, 0), grace=True) is Retry.ELSEWHERE
    assert ask(failure, repeatable=False, grace=True) is Retry.NOT_SAFE


def test_a_dead_pooled_connection_costs_nothing_but_is_no_excuse() -> None:
    budget = RetryBudget(0.2, 0)
    assert ask(Failure.STALE, tries=3, budget=budget) is Retry.AFRESH
    assert ask(Failure.STALE, repeatable=False) is Retry.NOT_SAFE
    assert budget.retries == budget.refused == 0


def test_a_refused_retry_takes_nothing_from_the_budget() -> None:
    budget = RetryBudget(0.2, 3)
    ask(Failure.RESET, repeatable=False, budget=budget)
    ask(Failure.RESET, tries=3, budget=budget)
    assert budget.retries == 0
    ask(Failure.RESET, budget=budget)
    assert budget.retries == 1
