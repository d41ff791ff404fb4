"""GET /healthz: the process answers. GET /readyz: visitors can come in, or how far the start is."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from appliance.daemon import Daemon

_NO_STORE = {"cache-control": "no-store"}


def router(daemon: Daemon) -> APIRouter:
    """The routes of `daemon`'s health."""
    routes = APIRouter()

    @routes.get("/healthz")
    async def healthz() -> JSONResponse:
        return JSONResponse({"status": "ok"}, headers=_NO_STORE)

    @routes.get("/readyz")
    async def readyz() -> JSONResponse:
        readiness = daemon.readiness
        body: dict[str, Any] = {
            "ready": readiness.ready,
            "progress": readiness.progress,
            "stages": [
                {"name": stage.name, "state": stage.state.value, "seconds": stage.seconds} for stage in readiness.stages
            ],
        }
        if readiness.failure is not None:
            body["error"] = readiness.failure.as_dict()
        if readiness.ready:
            return JSONResponse(body, 200, _NO_STORE)
        return JSONResponse(body, 503, {**_NO_STORE, "retry-after": "1"})

    # pyright counts a decorated function as unused
    _ = healthz, readyz
    return routes
