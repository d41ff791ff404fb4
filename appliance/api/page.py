"""The web client: files of its build go in; they are served at /, with their lifetime."""

from __future__ import annotations

from pathlib import Path

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

_FOREVER = "public, max-age=31536000, immutable"


class _Built(StaticFiles):
    """A build's files: what is under assets/ has its hash in its name and never changes."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        if response.status_code < 400:
            response.headers["cache-control"] = _FOREVER if path.startswith("assets/") else "no-cache"
        return response


def mount(app: FastAPI, folder: Path) -> None:
    """Serve `folder` at /; where it is missing, say how to make it."""
    if folder.is_dir():
        app.mount("/", _Built(directory=folder, html=True), name="page")
        return

    @app.get("/")
    async def no_page() -> None:
        raise HTTPException(503, "the page is not built: run npm run build in web/")

    _ = no_page
