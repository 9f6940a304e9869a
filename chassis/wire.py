"""What uvicorn refuses before there is a request that an app could answer: a problem as well."""

from __future__ import annotations

import re
import sys
from http import HTTPStatus
from typing import Any

from httptools import HttpParserInvalidMethodError
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from chassis.context import accept_request_id
from chassis.problems import BadRequest, Problem, UnknownMethod

_LINE = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+ [^ \r\n]+ HTTP/1\.[01]\r\n")
_REQUEST_ID = re.compile(rb"\r\nx-request-id:[ \t]*([!-~]+)[ \t]*\r\n", re.IGNORECASE)


class Protocol(HttpToolsProtocol):
    """uvicorn's, whose own refusal is a line of text that nobody signed.

    Its parser knows some thirty methods. Any other one comes through a balancer as well, and gets
    here.
    """

    def __init__(self, *args: Any, served_by: str, **kwargs: Any) -> None:
        """`served_by`: zone and instance."""
        super().__init__(*args, **kwargs)
        self._served_by = served_by
        self._data = b""

    def data_received(self, data: bytes) -> None:
        """Keeps what came for as long as it is not known to be good."""
        self._data = data
        super().data_received(data)
        self._data = b""

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's words for all of it
        """Answers what the parser has just raised, and closes."""
        unknown = isinstance(sys.exc_info()[1], HttpParserInvalidMethodError)
        self.transport.write(refusal(self._data, self._served_by, unknown_method=unknown))
        self.transport.close()


def refusal(data: bytes, served_by: str, *, unknown_method: bool) -> bytes:
    """The whole answer to `data`, of which no request could be made.

    One that is sound but for its method is told so (RFC 9110, section 9.1).
    """
    sound = unknown_method and _LINE.match(data)
    problem: Problem = UnknownMethod() if sound else BadRequest()
    given = _REQUEST_ID.search(data)
    request_id = accept_request_id(given[1].decode() if given else None)
    body = problem.body(request_id)
    head = (
        f"HTTP/1.1 {problem.status} {HTTPStatus(problem.status).phrase}\r\n"
        "content-type: application/problem+json\r\n"
        f"content-length: {len(body)}\r\n"
        f"x-request-id: {request_id}\r\n"
        f"x-served-by: {served_by}\r\n"
        "connection: close\r\n\r\n"
    )
    return head.encode() + body
