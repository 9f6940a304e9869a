"""The acquirer behind its guards; the mesh is a script of answers."""

from collections.abc import Awaitable, Callable
from typing import Any

import orjson
import pytest
from multidict import CIMultiDict, CIMultiDictProxy
from prometheus_client import REGISTRY

from chassis.bus.event import Event
from chassis.mesh import Reply
from chassis.problems import DeadlineMissed, Unavailable
from chassis.resilience import BreakerOpen, ResilienceError, current_deadline
from services.payments.acquirer import Acquirer
from services.payments.bus import PayOrders
from services.payments.config import PaymentsSettings
from services.payments.decisions import Charge, Verdict, read_order
from services.payments.errors import AcquirerAway, ChargeRefused

ORDER = "7f0c3f0e-52b8-4c2f-9a39-0f6f3f1d2a11"
PLACED = Event.about(
    ORDER,
    "OrderPlaced",
    "17",
    {"order_id": ORDER, "show_id": 17, "amount": 4200, "currency": "EUR", "card": "tok_ok"},
)
CAPTURED = orjson.dumps({"id": "ch_1", "status": "captured"})

Answer = Callable[[], Reply]


def reply(status: int, body: bytes = b"") -> Reply:
    return Reply(status, CIMultiDictProxy(CIMultiDict()), body)


class Mesh:
    """Answers by a script, the last line of it for ever."""

    def __init__(self, *script: Reply | Exception) -> None:
        self.script = list(script)
        self.calls: list[dict[str, Any]] = []
        self.seconds: list[float] = []

    async def call(self, service: str, method: str, target: str, **request: Any) -> Reply:
        assert (service, method, target) == ("acquirer", "POST", "/charges")
        self.calls.append(request)
        deadline = current_deadline.get()
        assert deadline is not None
        self.seconds.append(deadline.remaining())
        answer = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def order() -> Charge:
    charge = read_order(PLACED)
    assert charge is not None
    return charge


def acquirer(mesh: Mesh) -> Acquirer:
    settings = PaymentsSettings.model_validate(
        {
            "instance": "payments-a-1",
            "kafka_brokers": "nowhere:9092",
            "mesh": "http://nowhere:8100",
            "acquirer_api_key": "secret",
            "attempt_seconds": 5.0,
            "charge_seconds": 12.0,
        }
    )
    return Acquirer(mesh, settings)  # type: ignore[arg-type]


async def outcome(work: Awaitable[Verdict]) -> Verdict | Exception:
    try:
        return await work
    except (AcquirerAway, ChargeRefused, ResilienceError) as error:
        return error


async def test_it_is_asked_with_key_and_api_key_and_the_attempts_time(order: Charge) -> None:
    mesh = Mesh(reply(201, CAPTURED))

    assert await acquirer(mesh).charge(order) == Verdict("ch_1", captured=True)

    assert mesh.calls[0]["headers"]["Idempotency-Key"] == ORDER
    assert mesh.calls[0]["headers"]["Authorization"] == "Bearer secret"
    assert mesh.calls[0]["body"] == order.body()
    assert 4 < mesh.seconds[0] <= 5
    assert current_deadline.get() is None


@pytest.mark.parametrize(
    "failure", [reply(500), reply(401), Unavailable(), DeadlineMissed()], ids=str
)
async def test_a_failed_attempt_is_made_again_with_the_same_request(
    order: Charge, failure: Reply | Exception
) -> None:
    mesh = Mesh(failure, reply(200, CAPTURED))

    assert await acquirer(mesh).charge(order) == Verdict("ch_1", captured=True)

    assert mesh.calls[0] == mesh.calls[1]


async def test_a_refused_charge_is_not_made_again(order: Charge) -> None:
    mesh = Mesh(reply(422))

    assert isinstance(await outcome(acquirer(mesh).charge(order)), ChargeRefused)
    assert len(mesh.calls) == 1


async def test_an_acquirer_that_is_away_is_soon_left_alone(order: Charge) -> None:
    mesh = Mesh(Unavailable())
    asked = acquirer(mesh)

    outcomes = [await outcome(asked.charge(order)) for _ in range(40)]

    assert all(isinstance(o, AcquirerAway | BreakerOpen) for o in outcomes)
    assert isinstance(outcomes[-1], BreakerOpen)
    assert len(mesh.calls) < 20
    assert REGISTRY.get_sample_value("breaker_state", {"name": "acquirer"}) == 2


async def test_refusals_do_not_open_the_breaker(order: Charge) -> None:
    asked = acquirer(Mesh(reply(422)))

    outcomes = [await outcome(asked.charge(order)) for _ in range(40)]

    assert all(isinstance(o, ChargeRefused) for o in outcomes)


class Producer:
    def __init__(self) -> None:
        self.published: list[tuple[str, bytes, Event]] = []

    async def publish(self, records: list[tuple[str, bytes, bytes]]) -> None:
        self.published += [(t, k, Event.decode(k, v)) for t, k, v in records]


async def test_an_order_placed_is_charged_and_told() -> None:
    producer = Producer()
    handle = PayOrders(acquirer(Mesh(reply(201, CAPTURED))), producer)  # type: ignore[arg-type]

    await handle([PLACED, Event.about(ORDER, "OrderConfirmed", "17", {})])

    ((topic, key, event),) = producer.published
    assert (topic, key, event.type) == ("payments", b"17", "PaymentCaptured")


async def test_without_a_verdict_nothing_is_told() -> None:
    producer = Producer()
    handle = PayOrders(acquirer(Mesh(Unavailable())), producer)  # type: ignore[arg-type]

    with pytest.raises(ConnectionError):  # which waits (chassis.bus.consumer)
        await handle([PLACED])
    assert producer.published == []
