"""Routes of catalog."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request, Response

from chassis.lifecycle import Lifecycle
from chassis.problems import NotFound
from chassis.web import STALENESS, staleness
from chassis.web import create_app as create_shell
from services.catalog.cache import Cache
from services.catalog.config import CatalogSettings
from services.catalog.copies import Copy
from services.catalog.decisions import (
    DEFAULT_LIMIT,
    MOST_ITEMS,
    Answer,
    Season,
    decode_cursor,
    not_modified,
    parse_limit,
    parse_show_id,
    wants_strong,
)
from services.catalog.models import ShowAnswer, ShowPage
from services.catalog.store import Store

# One copy of everything: 200 shows are 50 KB, read in two milliseconds every two seconds. Copies of
# single shows would be read a hundred times as often, and some be missing when Postgres is away.
SEASON = "season"

_TAGGED: dict[str, Any] = {
    "headers": STALENESS[200]["headers"]
    | {
        "ETag": {
            "description": "Of this very answer, to be sent as If-None-Match",
            "required": True,
            "schema": {"type": "string"},
        }
    }
}
_READ: dict[int | str, dict[str, Any]] = {
    200: _TAGGED,
    304: {"description": "What the caller has (If-None-Match) is still right", **_TAGGED},
}
_UNKNOWN: dict[int | str, dict[str, Any]] = {404: {"description": "There is no such show"}}


def create_app(settings: CatalogSettings, life: Lifecycle, cache: Cache, store: Store) -> FastAPI:
    """Wires the routes to the cache, and the cache to the store.

    The routes take the bare request: at a thousand a second, validating three small parameters
    and building headers by the framework would be most of the work.
    """
    app = create_shell(settings, life, title="catalog")
    cache_control = _cache_control(settings)
    latest = _Latest()

    async def season(request: Request) -> tuple[Season, dict[str, str]]:
        if wants_strong(request.query_params.get("consistency")):
            return Season(await store.season()), {"Cache-Control": "no-store", **staleness(0)}
        copy = await cache.get(SEASON, store.season)
        about = {"Cache-Control": cache_control, "Age": str(cache.age(copy))}
        about |= staleness(cache.staleness(copy))
        if cache.stale(copy):
            about["X-Stale"] = "true"
        return latest.of(copy), about

    @app.get(
        "/shows",
        response_model=ShowPage,
        responses=_READ,
        openapi_extra={"parameters": [_LIMIT, _CURSOR, _CONSISTENCY, _IF_NONE_MATCH]},
    )
    async def list_shows(request: Request) -> Response:
        """Shows by id, a page at a time."""
        query = request.query_params
        limit, after = parse_limit(query.get("limit")), decode_cursor(query.get("cursor"))
        shows, about = await season(request)
        return _respond(request, shows.page(limit, after), about)

    @app.get(
        "/shows/{show_id}",
        response_model=ShowAnswer,
        responses=_READ | _UNKNOWN,
        openapi_extra={"parameters": [_SHOW_ID, _CONSISTENCY, _IF_NONE_MATCH]},
    )
    async def get_show(request: Request) -> Response:
        """One show. `seats_left` may be seconds old; whether a seat is free, an order finds out."""
        shows, about = await season(request)
        answer = shows.show(parse_show_id(request.path_params["show_id"]))
        if answer is None:
            raise NotFound("No such show")
        return _respond(request, answer, about)

    return app


class _Latest:
    """The season as read from its copy, until there is a newer one."""

    def __init__(self) -> None:
        self._copy: Copy | None = None
        self._season = Season(b"")

    def of(self, copy: Copy) -> Season:
        """Reads `copy`, unless it is the one of last time."""
        if copy is not self._copy:
            self._copy, self._season = copy, Season(copy.body)
        return self._season


def _respond(request: Request, answer: Answer, about: dict[str, str]) -> Response:
    headers = {"ETag": answer.etag, **about}
    if not_modified(request.headers.get("if-none-match"), answer.etag):
        return Response(status_code=304, headers=headers)
    return Response(answer.body, headers=headers, media_type="application/json")


def _cache_control(settings: CatalogSettings) -> str:
    """What we do ourselves, told to caches on the way (RFC 5861)."""
    fresh, grace = int(settings.cache_seconds), int(settings.cache_grace_seconds)
    keep = int(settings.cache_keep_seconds)
    return f"public, max-age={fresh}, stale-while-revalidate={grace}, stale-if-error={keep}"


def _parameter(place: str, name: str, description: str, **schema: object) -> dict[str, object]:
    return {
        "in": place,
        "name": name,
        "required": place == "path",
        "description": description,
        "schema": schema,
    }


_SHOW_ID = _parameter("path", "show_id", "number of the show", type="integer", minimum=1)
_LIMIT = _parameter(
    "query",
    "limit",
    "how many shows",
    type="integer",
    minimum=1,
    maximum=MOST_ITEMS,
    default=DEFAULT_LIMIT,
)
_CURSOR = _parameter("query", "cursor", "next_cursor of the page before", type="string")
_CONSISTENCY = _parameter(
    "query",
    "consistency",
    "strong: what the primary has now; eventual: a copy, whose age X-Staleness-Ms says",
    type="string",
    enum=["strong", "eventual"],
    default="eventual",
)
_IF_NONE_MATCH = _parameter(
    "header",
    "If-None-Match",
    "ETags of what the caller has; if one is right still, 304",
    type="string",
)
