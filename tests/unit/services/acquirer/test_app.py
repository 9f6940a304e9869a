"""What does not get as far as the ledger."""

from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from chassis.lifecycle import Lifecycle
from services.acquirer.app import create_app
from services.acquirer.config import AcquirerSettings

HEADERS = {"Authorization": "Bearer secret", "Idempotency-Key": "k-1"}
CHARGE: dict[str, Any] = {"reference": "order", "amount": 1, "currency": "EUR", "card": "tok_ok"}


class NoLedger:
    """Fails the test by a 500 when it is asked."""


@pytest.mark.parametrize(
    ("method", "target", "body", "status", "field"),
    [
        ("GET", "/charges/%00", None, 404, None),
        ("GET", "/charges/a%20b", None, 404, None),
        ("GET", "/charges?cursor=%00", None, 422, "cursor"),
        ("POST", "/charges", CHARGE | {"card": "tok\x00ok"}, 422, "card"),
        ("POST", "/charges", CHARGE | {"reference": "\x00"}, 422, "reference"),
    ],
)
async def test_what_no_database_takes_is_refused_before(
    method: str, target: str, body: Any, status: int, field: str | None
) -> None:
    settings = AcquirerSettings(
        instance="acquirer-a-1",
        postgres_dsn=SecretStr("postgresql://nowhere/x"),
        acquirer_api_key=SecretStr("secret"),
    )
    ledger, trouble = NoLedger(), NoLedger()
    app = create_app(settings, Lifecycle(), ledger, trouble)  # type: ignore[arg-type]
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://acquirer") as client:
        answer = await client.request(method, target, json=body, headers=HEADERS)
    assert answer.status_code == status
    told = [error["field"] for error in answer.json().get("errors", [])]
    assert told == ([field] if field else [])
