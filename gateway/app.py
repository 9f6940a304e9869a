"""What the gateway serves: the public API, and its description."""

from __future__ import annotations

import orjson
from fastapi import Depends, FastAPI, Request, Response
from fastapi.responses import HTMLResponse

from chassis.lifecycle import Lifecycle
from chassis.problems import NotFound
from chassis.web import READING, Receive, Scope, Send
from chassis.web import create_app as create_shell
from gateway.config import GatewaySettings
from gateway.description import Description
from gateway.errors import MethodNotAllowed
from gateway.page import page
from gateway.proxy import Proxy
from gateway.routes import PREFIX

_PAGES = frozenset({"/openapi.json", "/docs", "/healthz", "/readyz", "/metrics"})


def create_app(
    settings: GatewaySettings, life: Lifecycle, proxy: Proxy, description: Description
) -> FastAPI:
    """Mounts the proxy below the prefix, beside the description for programs and for people.

    Whatever the outside may ask is limited by its address; probes and metrics are not.
    """
    app = create_shell(settings, life, title="gateway", trust_account=False, openapi_url=None)

    async def limit(request: Request) -> None:
        await proxy.admit_address(dict(request.scope["headers"]), request.scope)

    limited = [Depends(limit)]

    async def nowhere(scope: Scope, _: Receive, __: Send) -> None:
        await proxy.admit_address(dict(scope["headers"]), scope)
        if scope["path"] in _PAGES:
            raise MethodNotAllowed(READING)
        raise NotFound("There is no such path")

    @app.api_route("/openapi.json", methods=READING, dependencies=limited, include_in_schema=False)
    async def openapi() -> Response:
        return Response(orjson.dumps(await description.document()), media_type="application/json")

    @app.api_route("/docs", methods=READING, dependencies=limited, include_in_schema=False)
    async def docs() -> Response:
        return HTMLResponse(page(await description.document()))

    app.mount(PREFIX, proxy)
    app.mount("", nowhere)
    return app
