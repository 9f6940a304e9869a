"""The page for people."""

from gateway.openapi import merge
from gateway.page import page
from gateway.routes import Route

DOCUMENT = merge(
    [Route("POST", "/orders", "orders", session=True)],
    {
        "orders": {
            "paths": {
                "/orders": {
                    "post": {
                        "summary": "Place <Order>",
                        "description": "Takes seats.",
                        "parameters": [{"name": "Idempotency-Key", "in": "header"}],
                        "requestBody": {
                            "content": {
                                "application/json": {
                                    "schema": {"$ref": "#/components/schemas/OrderRequest"}
                                }
                            }
                        },
                        "responses": {"201": {"description": "Made"}},
                    }
                }
            },
            "components": {"schemas": {"OrderRequest": {"type": "object"}}},
        }
    },
)


def test_tells_what_a_call_takes_and_gives() -> None:
    html = page(DOCUMENT)
    for said in ("POST", "/api/v1/orders", "signed in", "Takes seats.", "Idempotency-Key", "201"):
        assert said in html
    assert '<details id="OrderRequest">' in html


def test_what_services_say_is_text_and_not_markup() -> None:
    assert "Place &lt;Order&gt;" in page(DOCUMENT)


def test_loads_nothing_from_elsewhere() -> None:
    html = page(DOCUMENT)
    assert "//" not in html
    assert "<script" not in html


def test_says_so_when_there_is_nothing_yet() -> None:
    assert "No service has answered yet." in page(merge([], {}))
