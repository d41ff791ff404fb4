"""The HTTP server, on a real socket."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path
from typing import cast

import httpx2
import pytest

from appliance.api.app import create_app
from appliance.api.server import HttpServer
from appliance.config import ServerConfig
from appliance.daemon import Daemon
from appliance.errors import ConfigurationError
from tests.fakes.daemon import FakeDaemon


def server(static: Path, config: ServerConfig) -> HttpServer:
    return HttpServer(create_app(cast("Daemon", FakeDaemon()), static=static), config)


async def test_it_answers_on_a_free_port_until_it_is_stopped(static: Path) -> None:
    http = server(static, ServerConfig(port=0))
    await http.start()
    assert http.url.startswith("http://127.0.0.1:")
    async with httpx2.AsyncClient(base_url=http.url, trust_env=False) as client:
        response = await client.get("/healthz")
        assert response.json() == {"status": "ok"}
        assert "server" not in response.headers
        await http.stop()
        with pytest.raises(httpx2.ConnectError):
            await client.get("/healthz", headers={"connection": "close"})


async def test_a_client_that_says_nothing_does_not_hold_up_the_stop(static: Path) -> None:
    http = server(static, ServerConfig(port=0))
    await http.start()
    port = int(http.url.rsplit(":", 1)[1].strip("/"))
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"POST /api/token HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{")
    await writer.drain()
    async with asyncio.timeout(5.0):
        await http.stop()
    writer.close()


async def test_a_taken_port_is_named_with_its_setting(static: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigurationError) as refused:
            await server(static, ServerConfig(port=port)).start()
    assert refused.value.code == "port-taken"
    assert str(port) in refused.value.message
    assert "server.port" in refused.value.message
    assert "--port" in refused.value.hint


async def test_stopping_what_was_not_started(static: Path) -> None:
    await server(static, ServerConfig(port=0)).stop()
