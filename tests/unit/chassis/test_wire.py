"""What no request can be made of, said to the protocol itself."""

import asyncio
import json
from unittest.mock import Mock

import pytest
import uvicorn
from fastapi import FastAPI
from uvicorn.server import ServerState

from chassis.wire import Protocol, refusal


async def ask(request: bytes) -> tuple[int, dict[str, str], bytes]:
    """What a connection is told that says this and no more."""
    config = uvicorn.Config(FastAPI(), lifespan="off", log_config=None)
    protocol = Protocol(config, ServerState(), {}, served_by="a/things-a-1")
    transport = Mock(asyncio.Transport)
    transport.get_extra_info.return_value = None
    protocol.connection_made(transport)
    protocol.data_received(request)
    transport.close.assert_called_once()
    head, _, body = transport.write.call_args.args[0].partition(b"\r\n\r\n")
    line, *lines = head.decode().split("\r\n")
    fields = {name.lower(): value for name, _, value in (text.partition(": ") for text in lines)}
    return int(line.split(" ")[1]), fields, body


@pytest.mark.parametrize(
    ("request_head", "status", "kind"),
    [
        pytest.param(b"BREW /pot HTTP/1.1", 501, "method-not-implemented", id="unknown"),
        pytest.param(b"get /pot HTTP/1.1", 501, "method-not-implemented", id="small letters"),
        pytest.param(b"\x16\x03\x01 what HTTP/1.1", 400, "bad-request", id="no method"),
        pytest.param(b"GET /pot HTTP/7.1", 400, "bad-request", id="version"),
        pytest.param(b"GET /pot HTTP/1.1\r\nA\x01: b", 400, "bad-request", id="field"),
    ],
)
async def test_what_is_no_request_is_refused_by_name(
    request_head: bytes, status: int, kind: str
) -> None:
    answer = await ask(request_head + b"\r\nHost: things\r\nX-Request-Id: mine-1\r\n\r\n")
    assert answer[0] == status
    assert answer[1]["content-type"] == "application/problem+json"
    assert answer[1]["x-served-by"] == "a/things-a-1"
    assert answer[1]["x-request-id"] == "mine-1"
    problem = json.loads(answer[2])
    assert (problem["type"], problem["status"], problem["request_id"]) == (kind, status, "mine-1")


def test_a_refusal_does_not_repeat_a_harmful_name() -> None:
    given = b"BREW / HTTP/1.1\r\nX-Request-Id: <script>\r\n\r\n"
    answer = refusal(given, "a/things-a-1", unknown_method=True)
    assert b"script" not in answer
    assert b"\r\nx-request-id: " in answer
