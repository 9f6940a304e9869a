"""One OpenAPI document out of the services' own: only what is public, by its public path. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gateway.routes import PREFIX, Route

Json = Any  # a document as orjson reads it

_SCHEMAS = "#/components/schemas/"
_HEADERS = "#/components/headers/"
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
# What every answer carries, and what those that say "later" do.
_HEADERS_KNOWN: Json = {
    "RequestId": {
        "description": "What the request is known by, in logs too; the caller's own name for it if"
        " it sent a usable one",
        "required": True,
        "schema": {"type": "string"},
    },
    "ServedBy": {
        "description": "Zone and instance of each process that had a part in it, innermost first",
        "required": True,
        "schema": {"type": "string", "examples": ["a/catalog-a-1, b/gateway-b-1"]},
    },
    "RetryAfter": {
        "description": "Seconds after which to come back",
        "required": True,
        "schema": {"type": "integer", "minimum": 1},
    },
}
_ON_ANY = {
    "X-Request-Id": {"$ref": _HEADERS + "RequestId"},
    "X-Served-By": {"$ref": _HEADERS + "ServedBy"},
}
_LATER = {"Retry-After": {"$ref": _HEADERS + "RetryAfter"}}
_LATER_CODES = frozenset({"429", "503"})
# What may be answered to any call; to one with a body; to one with parameters; to one that is only
# for who is signed in. What a service says of its own errors goes before.
_ANY = {
    "429": "Too many requests; Retry-After says when to come back",
    "503": "A part that this needs is away or too busy; Retry-After says when to come back",
    "default": "Anything else: what is wrong",
}
_WITH_BODY = {
    "413": "The body is too large",
    "415": "The body is not said to be JSON (Content-Type)",
}
_WITH_INPUT = {"422": "A field cannot be used, and `errors` says which and why; or it is no JSON"}
_SIGNED_IN = {"401": "Sign in first"}
_OWN_422 = "Validation Error"  # FastAPI's word for it, where a service has none
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
            "headers": _HEADERS_KNOWN,
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
    public["responses"] = _answers(public, route)
    if route.session or route.token:
        public["security"] = [{name: []} for name in _SECURITY_SCHEMES]
    return public


def _answers(operation: Json, route: Route) -> Json:
    """Good answers as the service has them, and all others as problems."""
    own: Json = operation.get("responses", {})
    wrong = dict(_ANY)
    if "requestBody" in operation:
        wrong |= _WITH_BODY | _WITH_INPUT
    if "422" in own or any(p.get("in") == "query" for p in operation.get("parameters", [])):
        wrong |= _WITH_INPUT
    if route.session or route.token:
        wrong |= _SIGNED_IN
    told = {code: answer.get("description", "") for code, answer in own.items() if code >= "4"}
    wrong |= {code: text for code, text in told.items() if text not in ("", _OWN_422)}
    good = {
        code: {**answer, "headers": _ON_ANY | answer.get("headers", {})}
        for code, answer in own.items()
        if code < "4"
    }
    return good | {code: _problem(code, wrong[code]) for code in sorted(wrong)}


def _problem(code: str, description: str) -> Json:
    return {
        "description": description,
        "headers": _ON_ANY | _LATER if code in _LATER_CODES else _ON_ANY,
        "content": {_PROBLEM_TYPE: {"schema": {"$ref": _SCHEMAS + "Problem"}}},
    }


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
    if isinstance(reference, str) and reference.startswith(_SCHEMAS):
        old = reference.removeprefix(_SCHEMAS)
        return {**node, "$ref": _SCHEMAS + names.get(old, old)}
    return {key: _renamed(child, names) for key, child in node.items()}
