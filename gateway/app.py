"""What the gateway serves: the public API, and its description."""

from __future__ import annotations

import orjson
from fastapi import FastAPI, Response
from fastapi.responses import HTMLResponse

from chassis.lifecycle import Lifecycle
from chassis.web import READING
from chassis.web import create_app as create_shell
from gateway.config import GatewaySettings
from gateway.description import Description
from gateway.page import page
from gateway.proxy import Proxy
from gateway.routes import PREFIX


def create_app(
    settings: GatewaySettings, life: Lifecycle, proxy: Proxy, description: Description
) -> FastAPI:
    """Mounts the proxy below the prefix, beside the description for programs and for people."""
    app = create_shell(settings, life, title="gateway", trust_account=False, openapi_url=None)

    @app.api_route("/openapi.json", methods=READING, include_in_schema=False)
    async def openapi() -> Response:
        return Response(orjson.dumps(await description.document()), media_type="application/json")

    @app.api_route("/docs", methods=READING, include_in_schema=False)
    async def docs() -> Response:
        return HTMLResponse(page(await description.document()))

    app.mount(PREFIX, proxy)
    return app
