"""The reverse proxy that one writes first in Python: FastAPI in front, an httpx client behind."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from fastapi import FastAPI, Request, Response

from loadtests.bench.peers import BACKEND_PORTS

_HOP = frozenset({"connection", "host", "content-length", "transfer-encoding", "keep-alive"})
_BACKENDS = itertools.cycle([f"http://127.0.0.1:{port}" for port in BACKEND_PORTS])
_client = httpx.AsyncClient(limits=httpx.Limits(max_connections=512), timeout=30)


@asynccontextmanager
async def _lifespan(_: FastAPI) -> AsyncIterator[None]:
    async with _client:
        yield


app = FastAPI(lifespan=_lifespan, docs_url=None, redoc_url=None, openapi_url=None)


@app.api_route("/{path:path}", methods=["GET", "POST"])
async def forward(request: Request, path: str) -> Response:
    """One request, one answer, both held whole."""
    answer = await _client.request(
        request.method,
        f"{next(_BACKENDS)}/{path}",
        params=request.query_params,
        headers=[(k, v) for k, v in request.headers.items() if k not in _HOP],
        content=await request.body(),
    )
    headers = {k: v for k, v in answer.headers.items() if k not in _HOP}
    return Response(answer.content, answer.status_code, headers)
