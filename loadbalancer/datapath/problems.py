"""Every error that the balancer makes itself, but for those of messages that it does not take."""

from http import HTTPStatus

from loadbalancer.pools.retry import Failure
from loadbalancer.wire.canonical import details
from loadbalancer.wire.reject import Problem

NO_ROUTE = Problem(404, "no-route", "Nothing is served here")
SLOW_HEAD = Problem(408, "request-timeout", "The head did not come in time")
SLOW_BODY = Problem(408, "request-timeout", "The body did not come in time")
NO_INSTANCE = Problem(503, "no-instance", "No instance is known")
TOO_MANY_WAIT = Problem(503, "overloaded", "Too many requests are waiting")
WAITED_TOO_LONG = Problem(503, "overloaded", "No place became free in time")

_BROKE = Problem(502, "instance-failed", "The connection to the instance broke")
GIVEN_UP = {
    Failure.CONNECT: Problem(503, "no-instance", "No instance could be reached"),
    Failure.STALE: _BROKE,
    Failure.RESET: _BROKE,
    Failure.NONSENSE: Problem(502, "instance-failed", "The instance's answer was not understood"),
    Failure.TIMEOUT: Problem(504, "deadline-missed", "No answer in time"),
}
"""By how the last try failed."""


def refusal(
    problem: Problem, served_by: str, request_id: bytes, *, keep: bool, with_body: bool
) -> bytes:
    """The whole answer; one that says 503 also says when to come back, in seconds."""
    fields = {"X-Served-By": served_by}
    if problem.status == HTTPStatus.SERVICE_UNAVAILABLE:
        fields["Retry-After"] = "1"
    return details(
        problem,
        request_id=request_id.decode(),
        fields=fields,
        close=not keep,
        with_body=with_body,
    )
