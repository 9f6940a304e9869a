"""What is known of the request at hand, wherever in the code one stands."""

from __future__ import annotations

import re
import secrets
from contextvars import ContextVar
from dataclasses import dataclass

from chassis.trace import Trace

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")


@dataclass(frozen=True, slots=True)
class RequestContext:
    """Goes with a request through every hop, and with its events over the bus."""

    request_id: str
    trace: Trace
    account_id: str | None = None


current_request: ContextVar[RequestContext | None] = ContextVar("current_request", default=None)


def accept_request_id(given: str | None) -> str:
    """The caller's request id if it is harmless in a header and a log, else a new one."""
    if given and _REQUEST_ID.fullmatch(given):
        return given
    return secrets.token_hex(12)


def current_traceparent() -> str:
    """The `traceparent` to hand on from here; begins a trace where none is."""
    request = current_request.get()
    return str(request.trace.child() if request else Trace.begin())
