"""One document of several."""

from typing import Any

from chassis.lifecycle import Lifecycle
from gateway.openapi import merge
from gateway.routes import ROUTES as REAL_ROUTES
from gateway.routes import Route
from services.orders.app import create_app
from services.orders.config import OrdersSettings

ROUTES = [
    Route("GET", "/shows/{id}", "catalog"),
    Route("POST", "/orders", "orders", session=True),
]


def reference(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def answer(name: str) -> dict[str, Any]:
    return {"content": {"application/json": {"schema": reference(name)}}}


CATALOG: dict[str, Any] = {
    "paths": {
        "/shows/{show_id}": {
            "get": {
                "parameters": [{"name": "show_id", "in": "path"}],
                "responses": {"200": answer("Show"), "422": answer("HTTPValidationError")},
            }
        },
        "/secret": {"get": {"responses": {"200": answer("Secret")}}},
    },
    "components": {
        "schemas": {
            "Show": {"properties": {"price": reference("Money"), "items": [reference("Money")]}},
            "Money": {"properties": {"amount": {}}},
            "Secret": {},
            "HTTPValidationError": {},
        }
    },
}
ORDERS: dict[str, Any] = {
    "paths": {
        "/orders": {
            "post": {
                "parameters": [
                    {"name": "X-Account-Id", "in": "header"},
                    {"name": "Idempotency-Key", "in": "header"},
                ],
                "requestBody": answer("OrderRequest"),
                "responses": {"201": answer("Money"), "409": {"description": "sold-out"}},
            },
            "delete": {"responses": {}},
        }
    },
    "components": {"schemas": {"Money": {"properties": {"cents": {}}}, "OrderRequest": {}}},
}


def test_only_public_calls_by_their_public_path() -> None:
    merged = merge(ROUTES, {"catalog": CATALOG, "orders": ORDERS})
    assert {p: list(m) for p, m in merged["paths"].items()} == {
        "/api/v1/orders": ["post"],
        "/api/v1/shows/{show_id}": ["get"],
    }


def test_only_schemas_that_are_needed_and_no_two_of_one_name() -> None:
    merged = merge(ROUTES, {"catalog": CATALOG, "orders": ORDERS})
    schemas = merged["components"]["schemas"]
    assert set(schemas) == {"Problem", "Show", "Money", "OrdersMoney", "OrderRequest"}
    assert schemas["Show"]["properties"]["price"] == reference("Money")
    post = merged["paths"]["/api/v1/orders"]["post"]
    assert post["responses"]["201"]["content"] == answer("OrdersMoney")["content"]


def test_the_same_schema_twice_is_one() -> None:
    documents = {"catalog": CATALOG, "orders": {**ORDERS, "components": CATALOG["components"]}}
    assert "OrdersMoney" not in merge(ROUTES, documents)["components"]["schemas"]


def test_errors_are_problems_everywhere() -> None:
    get = merge(ROUTES, {"catalog": CATALOG})["paths"]["/api/v1/shows/{show_id}"]["get"]
    assert list(get["responses"]) == ["200", "422", "429", "503", "default"]
    post = merge(ROUTES, {"orders": ORDERS})["paths"]["/api/v1/orders"]["post"]["responses"]
    assert list(post) == [
        "201", "401", "409", "413", "415", "422", "429", "503", "default"
    ]  # fmt: skip
    assert post["409"]["description"] == "sold-out"
    for code, told in post.items():
        assert code == "201" or list(told["content"]) == ["application/problem+json"]


def test_every_answer_has_its_headers() -> None:
    merged = merge(ROUTES, {"catalog": CATALOG, "orders": ORDERS})
    known = merged["components"]["headers"]
    for methods in merged["paths"].values():
        for operation in methods.values():
            for code, told in operation["responses"].items():
                later = {"Retry-After"} if code in {"429", "503"} else set()
                assert set(told["headers"]) == {"X-Request-Id", "X-Served-By"} | later
                for header in told["headers"].values():
                    assert header["$ref"].removeprefix("#/components/headers/") in known


def test_who_may_be_without_a_session_is_told_so_too() -> None:
    """Signing out here asks for a token, and the service looks at it."""
    document: dict[str, Any] = {
        "paths": {"/sessions/current": {"delete": {"responses": {"204": {}}}}}
    }
    merged = merge(REAL_ROUTES, {"sessions": document})
    assert "401" in merged["paths"]["/api/v1/sessions/current"]["delete"]["responses"]


def test_what_the_services_say_of_orders() -> None:
    """The document that FastAPI makes of the routes themselves."""
    app = create_app(OrdersSettings.model_construct(), Lifecycle(), None, {})  # type: ignore[arg-type]
    merged = merge(REAL_ROUTES, {"orders": app.openapi()})
    post = merged["paths"]["/api/v1/orders"]["post"]
    (key,) = post["parameters"]
    assert (key["name"], key["required"]) == ("Idempotency-Key", True)
    assert {"400", "401", "409", "422", "429", "503"} <= set(post["responses"])
    assert {"Location", "Idempotency-Replayed"} <= set(post["responses"]["201"]["headers"])
    one = merged["paths"]["/api/v1/orders/{order_id}"]["get"]["responses"]
    assert {"401", "404", "422", "429", "503"} <= set(one)
    assert "X-Staleness-Ms" in one["200"]["headers"]


def test_says_who_must_be_signed_in_and_hides_how_a_service_is_told() -> None:
    merged = merge(ROUTES, {"catalog": CATALOG, "orders": ORDERS})
    post = merged["paths"]["/api/v1/orders"]["post"]
    assert post["security"] == [{"bearer": []}, {"cookie": []}]
    assert [p["name"] for p in post["parameters"]] == ["Idempotency-Key"]
    assert "security" not in merged["paths"]["/api/v1/shows/{show_id}"]["get"]
    assert set(merged["components"]["securitySchemes"]) == {"bearer", "cookie"}


def test_a_service_that_never_answered_is_left_out() -> None:
    assert list(merge(ROUTES, {"orders": ORDERS})["paths"]) == ["/api/v1/orders"]
    assert merge(ROUTES, {})["paths"] == {}


def test_leaves_the_services_documents_as_they_were() -> None:
    merge(ROUTES, {"catalog": CATALOG})
    assert "422" in CATALOG["paths"]["/shows/{show_id}"]["get"]["responses"]
