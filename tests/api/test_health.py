"""/healthz and /readyz."""

from __future__ import annotations

from dataclasses import replace

import httpx2

from appliance.errors import BundleError
from tests.fakes.daemon import LOADING, FakeDaemon


async def test_the_process_answers_whatever_is_loading(client: httpx2.AsyncClient, daemon: FakeDaemon) -> None:
    daemon.readiness = LOADING
    response = await client.get("/healthz")
    assert (response.status_code, response.json()) == (200, {"status": "ok"})


async def test_a_box_that_starts_tells_how_far_it_is(client: httpx2.AsyncClient, daemon: FakeDaemon) -> None:
    daemon.readiness = LOADING
    response = await client.get("/readyz")
    assert response.status_code == 503
    assert response.headers["cache-control"] == "no-store"
    assert response.json() == {
        "ready": False,
        "progress": 0.4,
        "stages": [
            {"name": "models", "state": "ready", "seconds": 0.8},
            {"name": "ears", "state": "loading", "seconds": 1.2},
        ],
    }


async def test_a_ready_box(client: httpx2.AsyncClient) -> None:
    response = await client.get("/readyz")
    assert response.status_code == 200
    assert response.json()["ready"] is True
    assert response.json()["progress"] == 1.0


async def test_a_start_that_failed_tells_why(client: httpx2.AsyncClient, daemon: FakeDaemon) -> None:
    failure = BundleError("model.bin is not what the manifest says", code="checksum-mismatch")
    daemon.readiness = replace(LOADING, failure=failure)
    response = await client.get("/readyz")
    assert response.status_code == 503
    assert response.json()["error"]["code"] == "checksum-mismatch"
    assert "models fetch" in response.json()["error"]["hint"]
