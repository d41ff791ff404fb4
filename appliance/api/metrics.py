"""GET /metrics: every counter of the process in Prometheus's text format."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest


def router() -> APIRouter:
    """The route of the default registry, where livekit-agents keeps its own counters too."""
    routes = APIRouter()

    @routes.get("/metrics")
    async def metrics() -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST, headers={"cache-control": "no-store"})

    _ = metrics
    return routes
