"""Composes the HTTP application: a daemon goes in; an ASGI application comes out."""

from __future__ import annotations

from pathlib import Path

from fastapi import FastAPI

from appliance.api import errors, health, metrics, page, persona, token
from appliance.api.guard import Guard
from appliance.daemon import Daemon

STATIC = Path(__file__).with_name("static")


def create_app(daemon: Daemon, *, static: Path = STATIC) -> FastAPI:
    """The application of `daemon`; it answers from the first second, whatever is still loading.

    Args:
        static: folder of the built web client.
    """
    # The interactive documentation is off: its pages load scripts from the network.
    app = FastAPI(title="Avatar appliance", docs_url=None, redoc_url=None, openapi_url="/api/openapi.json")
    errors.install(app)
    for resource in (health, token, persona):
        app.include_router(resource.router(daemon))
    app.include_router(metrics.router())
    page.mount(app, static)
    app.add_middleware(Guard, host=daemon.config.server.host)
    return app
