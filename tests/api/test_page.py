"""The web client's files."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import httpx2
import pytest

from appliance.api.app import create_app
from appliance.daemon import Daemon
from tests.fakes.daemon import FakeDaemon


async def test_the_page_is_asked_for_anew_and_its_parts_are_kept(client: httpx2.AsyncClient) -> None:
    page = await client.get("/")
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    assert page.headers["cache-control"] == "no-cache"
    script = await client.get("/assets/index-4f2a.js")
    assert "immutable" in script.headers["cache-control"]
    assert "javascript" in script.headers["content-type"]


@pytest.mark.parametrize("path", ["/assets/gone.js", "/..%2f..%2fetc%2fpasswd", "/docs", "/redoc"])
async def test_what_is_not_there_is_not_found(client: httpx2.AsyncClient, path: str) -> None:
    response = await client.get(path)
    assert (response.status_code, response.json()["code"]) == (404, "not-found")
    assert "immutable" not in response.headers.get("cache-control", "")


async def test_without_a_build_the_rest_works(tmp_path: Path) -> None:
    app = create_app(cast("Daemon", FakeDaemon()), static=tmp_path / "none")
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://localhost") as client:
        page = await client.get("/")
        assert page.status_code == 503
        assert "npm run build" in page.json()["message"]
        assert (await client.get("/healthz")).status_code == 200
