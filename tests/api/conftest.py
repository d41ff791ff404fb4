"""A client of the application, without sockets."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import cast

import httpx2
import pytest

from appliance.api.app import create_app
from appliance.daemon import Daemon
from tests.fakes.daemon import FakeDaemon

BASE = "http://127.0.0.1:8080"


@pytest.fixture
def daemon() -> FakeDaemon:
    return FakeDaemon()


@pytest.fixture
def static(tmp_path: Path) -> Path:
    """A build of the web client, small."""
    folder = tmp_path / "static"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<!doctype html><title>page</title>")
    (folder / "assets" / "index-4f2a.js").write_text("export {}")
    return folder


@pytest.fixture
async def client(daemon: FakeDaemon, static: Path) -> AsyncIterator[httpx2.AsyncClient]:
    app = create_app(cast("Daemon", daemon), static=static)
    transport = httpx2.ASGITransport(app, raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url=BASE) as client:
        yield client
