"""Hosts, origins and headers of every answer."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import cast

import httpx2
import pytest

from appliance.api.app import create_app
from appliance.api.guard import HEADERS
from appliance.config import Config, ServerConfig
from appliance.daemon import Daemon
from tests.fakes.daemon import FakeDaemon


@pytest.mark.parametrize("path", ["/", "/healthz", "/readyz", "/metrics", "/api/persona", "/nothing", "/assets/x"])
async def test_every_answer_has_the_security_headers(client: httpx2.AsyncClient, path: str) -> None:
    headers = (await client.get(path)).headers
    for name, value in HEADERS.items():
        assert headers[name] == value, name


async def test_the_policy_lets_nothing_in_from_elsewhere(client: httpx2.AsyncClient) -> None:
    headers = (await client.get("/")).headers
    policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'self'"
    assert policy["connect-src"] == "'self' ws: wss:"
    assert policy["frame-ancestors"] == "'none'"
    assert "unsafe" not in headers["content-security-policy"]
    assert "microphone=(self)" in headers["permissions-policy"]


@pytest.mark.parametrize("host", ["127.0.0.1:8080", "localhost", "localhost:9999", "[::1]:8080"])
async def test_the_boxs_own_names_are_served(client: httpx2.AsyncClient, host: str) -> None:
    assert (await client.get("/healthz", headers={"host": host})).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8080", "127.0.0.1.evil.example", "", "192.168.1.9", "[", "localhost.evil"]
)
async def test_a_name_that_was_rebound_to_us_gets_nothing(client: httpx2.AsyncClient, host: str) -> None:
    for method, path in (("GET", "/healthz"), ("POST", "/api/token")):
        response = await client.request(method, path, headers={"host": host})
        assert (response.status_code, response.json()["code"]) == (421, "unknown-host")


@pytest.mark.parametrize(
    ("host", "status"), [("192.168.1.9:8080", 200), ("box.example", 421), ("0.0.0.0", 200), ("localhost", 200)]
)
async def test_a_box_on_every_address_answers_to_addresses(static: Path, host: str, status: int) -> None:
    config = replace(Config(), server=ServerConfig(host="0.0.0.0"))
    app = create_app(cast("Daemon", FakeDaemon(config)), static=static)
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://127.0.0.1") as client:
        assert (await client.get("/healthz", headers={"host": host})).status_code == status


async def test_a_configured_name_is_served(static: Path) -> None:
    config = replace(Config(), server=ServerConfig(host="192.168.1.9"))
    app = create_app(cast("Daemon", FakeDaemon(config)), static=static)
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://192.168.1.9:8080") as client:
        assert (await client.get("/healthz")).status_code == 200


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:9999", "http://localhost:8080"])
async def test_a_page_of_another_site_takes_no_place(
    client: httpx2.AsyncClient, daemon: FakeDaemon, origin: str
) -> None:
    response = await client.post("/api/token", headers={"origin": origin})
    assert (response.status_code, response.json()["code"]) == (403, "foreign-origin")
    assert daemon.invited == 0


async def test_our_own_page_does(client: httpx2.AsyncClient, daemon: FakeDaemon) -> None:
    response = await client.post("/api/token", headers={"origin": "http://127.0.0.1:8080"})
    assert response.status_code == 200
    assert daemon.invited == 1
