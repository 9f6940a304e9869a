import pytest
from prometheus_client import REGISTRY

from chassis.guards import guard
from chassis.resilience import BreakerOpen, BreakerPolicy, BulkheadFull, Guard


class Declined(Exception):
    pass


def failing_guard(name: str) -> Guard:
    return guard(
        name,
        seconds=5,
        limit=1,
        attempts=2,
        retry_on=(ConnectionError,),
        answers=(Declined,),
        policy=BreakerPolicy(min_calls=2),
    )


def sample(metric: str, name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(metric, {"name": name, **labels})


async def test_it_retries_and_then_opens_and_the_metrics_tell() -> None:
    guarded = failing_guard("peer-1")

    async def refuse() -> None:
        raise ConnectionRefusedError

    assert sample("breaker_state", "peer-1") == 0
    with pytest.raises(ConnectionRefusedError):
        await guarded(refuse)
    with pytest.raises(BreakerOpen):
        await guarded(refuse)

    assert sample("guard_events_total", "peer-1", event="retry") == 1
    assert sample("guard_events_total", "peer-1", event="breaker_rejected") == 1
    assert sample("breaker_state", "peer-1") == 2


async def test_an_answer_is_no_failure() -> None:
    guarded = failing_guard("peer-2")

    async def decline() -> None:
        raise Declined

    for _ in range(10):
        with pytest.raises(Declined):
            await guarded(decline)
    assert sample("breaker_state", "peer-2") == 0


async def test_no_more_than_the_limit_get_in() -> None:
    guarded = failing_guard("peer-3")

    async def nested() -> None:
        assert sample("bulkhead_in_use", "peer-3") == 1
        await guarded(nested)

    with pytest.raises(BulkheadFull):
        await guarded(nested)
    assert sample("bulkhead_in_use", "peer-3") == 0
    assert sample("guard_events_total", "peer-3", event="bulkhead_rejected") == 1
