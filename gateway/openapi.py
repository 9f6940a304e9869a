"""One OpenAPI document out of the services' own: only what is public, by its public path. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gateway.routes import PREFIX, Route

Json = Any  # a document as orjson reads it

_SCHEMAS = "#/components/schemas/"
_PROBLEM_TYPE = "application/problem+json"
# What the gateway itself adds to a request, or takes from it.
_OWN_HEADERS = frozenset({"x-account-id", "authorization", "cookie"})

_PROBLEM: Json = {
    "type": "object",
    "description": "Problem details (RFC 9457). `type` is a short name that callers may rely on.",
    "required": ["type", "title", "status", "detail", "request_id"],
    "properties": {
        "type": {"type": "string", "examples": ["sold-out"]},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "request_id": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "message"],
                "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
            },
        },
    },
}
_PROBLEM_ANSWER: Json = {
    "description": "Anything else: what is wrong, and with Retry-After when to come back.",
    "content": {_PROBLEM_TYPE: {"schema": {"$ref": _SCHEMAS + "Problem"}}},
}
_SECURITY_SCHEMES: Json = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "The token of POST /sessions"},
    "cookie": {"type": "apiKey", "in": "cookie", "name": "session"},
}


def merge(routes: list[Route], documents: Mapping[str, Json]) -> Json:
    """The whole API's document, of the documents by service. Who has none is left out."""
    paths: dict[str, dict[str, Json]] = {}
    schemas: dict[str, Json] = {"Problem": _PROBLEM}
    for service, document in documents.items():
        own = [route for route in routes if route.service == service]
        operations = list(_operations(document, own))
        needed = _needed(document, [operation for _, _, operation in operations])
        names = {name: _free_name(name, service, needed[name], schemas) for name in needed}
        schemas.update({names[n]: _renamed(schema, names) for n, schema in needed.items()})
        for path, route, operation in operations:
            paths.setdefault(path, {})[route.method.lower()] = _renamed(operation, names)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Holdfast", "version": "1", "description": "The ticket box office."},
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": dict(sorted(schemas.items())),
            "securitySchemes": _SECURITY_SCHEMES,
        },
    }


def _operations(document: Json, routes: list[Route]) -> Iterator[tuple[str, Route, Json]]:
    """Public path, route and operation of each route that the document knows."""
    by_shape = {
        Route(method.upper(), path, "").shape + method.upper(): (path, operation)
        for path, methods in document.get("paths", {}).items()
        for method, operation in methods.items()
    }
    for route in routes:
        if known := by_shape.get(route.shape + route.method):
            yield PREFIX + known[0], route, _public(known[1], route)


def _public(operation: Json, route: Route) -> Json:
    """The operation as the outside sees it: the gateway's headers gone, its errors added."""
    public = {**operation, "tags": [route.service]}
    parameters = [
        p for p in operation.get("parameters", []) if p["name"].lower() not in _OWN_HEADERS
    ]
    public.pop("parameters", None)
    if parameters:
        public["parameters"] = parameters
    good = {code: r for code, r in operation.get("responses", {}).items() if code < "4"}
    public["responses"] = {**good, "default": _PROBLEM_ANSWER}
    if route.session or route.token:
        public["security"] = [{name: []} for name in _SECURITY_SCHEMES]
    return public


def _needed(document: Json, roots: list[Json]) -> dict[str, Json]:
    """The schemas that `roots` refer to, and those that these refer to, and so on."""
    known = document.get("components", {}).get("schemas", {})
    needed: dict[str, Json] = {}
    waiting: list[Json] = list(roots)
    while waiting:
        for name in _references(waiting.pop()):
            if name in known and name not in needed:
                needed[name] = known[name]
                waiting.append(known[name])
    return needed


def _references(node: Json) -> Iterator[str]:
    if isinstance(node, dict):
        reference = node.get("$ref")
        if isinstance(reference, str) and reference.startswith(_SCHEMAS):
            yield reference.removeprefix(_SCHEMAS)
        node = list(node.values())
    if isinstance(node, list):
        for child in node:
            yield from _references(child)


def _free_name(name: str, service: str, schema: Json, taken: Mapping[str, Json]) -> str:
    """Its own name, unless another service means something else by it."""
    return name if taken.get(name, schema) == schema else service.capitalize() + name


def _renamed(node: Json, names: Mapping[str, str]) -> Json:
    if isinstance(node, list):
        return [_renamed(child, names) for child in node]
    if not isinstance(node, dict):
        return node
    reference = node.get("$ref")
    if isinstance(reference, str):
        old = reference.removeprefix(_SCHEMAS)
        return {**node, "$ref": _SCHEMAS + names.get(old, old)}
    return {key: _renamed(child, names) for key, child in node.items()}
