"""The table of public calls."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.problems import NotFound
from gateway.errors import MethodNotAllowed
from gateway.routes import ROUTES, Route, Table

TABLE = Table(ROUTES)


@pytest.mark.parametrize(
    ("method", "path", "service", "label"),
    [
        ("POST", "/accounts", "sessions", "/api/v1/accounts"),
        ("POST", "/sessions", "sessions", "/api/v1/sessions"),
        ("DELETE", "/sessions", "sessions", "/api/v1/sessions"),
        ("DELETE", "/sessions/current", "sessions", "/api/v1/sessions/current"),
        ("GET", "/shows", "catalog", "/api/v1/shows"),
        ("GET", "/shows/7", "catalog", "/api/v1/shows/{id}"),
        ("HEAD", "/shows/7", "catalog", "/api/v1/shows/{id}"),
        ("POST", "/orders", "orders", "/api/v1/orders"),
        ("GET", "/orders/0b0c4d1e-3c0f-4a63-9f3b-1d3f6b8f0a11", "orders", "/api/v1/orders/{id}"),
        ("GET", "/tickets/verify", "tickets", "/api/v1/tickets/verify"),
        ("GET", "/tickets/keys", "tickets", "/api/v1/tickets/keys"),
        ("GET", "/tickets/0b0c4d1e", "tickets", "/api/v1/tickets/{order_id}"),
    ],
)
def test_finds_the_service(method: str, path: str, service: str, label: str) -> None:
    matched = TABLE.match(method, path)
    assert (matched.route.service, matched.path) == (service, label)


def test_who_must_be_signed_in() -> None:
    needing = {(r.method, r.path) for r in ROUTES if r.session}
    assert needing == {
        ("DELETE", "/sessions"),
        ("POST", "/orders"),
        ("GET", "/orders"),
        ("GET", "/orders/{id}"),
        ("GET", "/tickets/{order_id}"),
    }


def test_only_signing_out_hands_the_token_on() -> None:
    assert [(r.method, r.path) for r in ROUTES if r.token] == [("DELETE", "/sessions/current")]


@pytest.mark.parametrize(
    "path",
    ["", "/", "/shows/", "/shows/1/seats", "/nothing", "/healthz", "/metrics", "/openapi.json",
     "/shows/..", "/shows/%2e%2e", "/shows/1%2Fseats", "/shows/a b", "//shows", "/shows/1\n",
     "/charges/1", "/shows/" + "1" * 65],
)  # fmt: skip
def test_nothing_else_is_public(path: str) -> None:
    with pytest.raises(NotFound):
        TABLE.match("GET", path)


def test_says_which_methods_there_are() -> None:
    with pytest.raises(MethodNotAllowed) as caught:
        TABLE.match("DELETE", "/orders")
    assert caught.value.headers() == {"Allow": "GET, HEAD, POST"}
    assert caught.value.status == 405


def test_shape_forgets_the_names_of_parameters() -> None:
    assert Route("GET", "/a/{x}/b/{y_2}", "s").shape == "/a/{}/b/{}"


@given(st.text(max_size=40))
def test_any_path_is_answered_or_refused(path: str) -> None:
    try:
        matched = TABLE.match("GET", path)
    except (NotFound, MethodNotAllowed):
        return
    assert path.startswith("/")
    assert matched.route in ROUTES
