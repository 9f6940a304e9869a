"""What does not get as far as accounts and passwords."""

import json
from typing import Any

import httpx
import pytest

from chassis.lifecycle import Lifecycle
from services.sessions.app import create_app
from services.sessions.config import SessionsSettings

ADA = {"email": "ada@example.com", "password": "correct horse"}


@pytest.mark.parametrize("path", ["/accounts", "/sessions"])
@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"admin": True}, "admin"),
        ({"email": None}, "email"),
        ({"password": 12345678}, "password"),
        ({"password": "\ud800 correct horse"}, "password"),
    ],
)
async def test_a_bad_field_is_named_and_so_is_one_that_nobody_asked_for(
    path: str, change: dict[str, Any], field: str
) -> None:
    settings = SessionsSettings.model_construct(
        zone="a",
        instance="sessions-a-1",
        max_body_bytes=1000,
        request_seconds=1.0,
        access_log_sample=0.0,
    )
    nobody: Any = None
    app = create_app(settings, Lifecycle(), nobody, nobody, nobody)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://sessions"
    ) as client:
        answer = await client.post(
            path,
            content=json.dumps({**ADA, **change}),
            headers={"Content-Type": "application/json"},
        )
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [field]
