"""`appliance serve` as a process: started, talked to, and stopped in every way an operator can."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest

from appliance.errors import ConfigurationError
from appliance.sfu import find_binary

pytestmark = pytest.mark.slow

WAIT_S = 60.0
STOPS_S = 10.0
ROOT = Path(__file__).resolve().parents[2]


class Box:
    """The process and what it has said."""

    def __init__(self, process: asyncio.subprocess.Process, binary: str) -> None:
        self.process = process
        self._binary = binary

    async def url(self) -> str:
        assert self.process.stdout is not None
        return (await asyncio.wait_for(self.process.stdout.readline(), WAIT_S)).decode().strip()

    def servers(self) -> list[int]:
        """Process ids of the livekit-servers that it started."""
        return _running(self._binary, self.process.pid)

    async def stopped(self, sign: signal.Signals) -> tuple[int, float]:
        """Send `sign`; exit status and the seconds it took."""
        began = time.monotonic()
        self.process.send_signal(sign)
        status = await asyncio.wait_for(self.process.wait(), WAIT_S)
        return status, time.monotonic() - began


def _running(binary: str, group_of: int) -> list[int]:
    found: list[int] = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdecimal() and binary in (entry / "cmdline").read_bytes().decode(errors="replace").split(
                "\0"
            ):
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                found += [int(entry.name)] if parent == group_of else []
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


@asynccontextmanager
async def box(*arguments: str, **environment: str) -> AsyncIterator[Box]:
    try:
        binary = str(await find_binary(""))
    except ConfigurationError as error:
        pytest.skip(str(error))
    settings = {
        "APPLIANCE_SFU__PORT": "0",
        "APPLIANCE_SFU__TCP_PORT": "0",
        "APPLIANCE_SFU__UDP_PORT": "0",
        "APPLIANCE_SFU__BINARY": binary,
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.fakes.box", "serve", "--no-browser", *arguments),
        cwd=ROOT,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, **settings, **environment},
    )
    try:
        yield Box(process, binary)
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def test_it_prints_the_pages_address_and_stops_in_time_with_a_visitor() -> None:
    from livekit import rtc

    async with box("--port", "0") as running:
        url = await running.url()
        assert url.startswith("http://127.0.0.1:")
        async with httpx2.AsyncClient(base_url=url, trust_env=False) as client:
            assert (await client.get("/readyz")).json()["ready"] is True
            place = (await client.post("/api/token")).json()
        room, heard = rtc.Room(), asyncio.Event()
        room.on("track_subscribed", lambda *_: heard.set())
        await room.connect(place["server_url"], place["participant_token"])
        await asyncio.wait_for(heard.wait(), WAIT_S)
        servers = running.servers()
        assert len(servers) == 1
        status, seconds = await running.stopped(signal.SIGTERM)
        assert status == 0
        assert seconds < STOPS_S
        assert not Path(f"/proc/{servers[0]}").exists()
        await room.disconnect()


async def test_health_is_answered_and_visitors_wait_while_models_load() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    async with (
        box("--port", str(port), BOX_LOADS_S="60") as running,
        httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client,
    ):
        async with asyncio.timeout(WAIT_S):
            while not await _loading(client):
                await asyncio.sleep(0.05)
        assert (await client.get("/healthz")).status_code == 200
        refused = await client.post("/api/token")
        assert (refused.status_code, refused.json()["code"]) == (503, "starting")
        assert (await client.get("/api/persona")).status_code == 200
        # an engine that is in the middle of native code cannot be waited for: the process ends none the less
        status, seconds = await running.stopped(signal.SIGINT)
        assert seconds < STOPS_S
        assert status == 1


async def _loading(client: httpx2.AsyncClient) -> bool:
    try:
        stages = (await client.get("/readyz")).json()["stages"]
    except httpx2.ConnectError:
        return False
    return {"name": "ears", "state": "loading"}.items() <= next((s for s in stages if s["name"] == "ears"), {}).items()


async def test_a_panic_of_native_code_has_its_own_status() -> None:
    async with box("--port", "0", BOX_PANICS="1") as running:
        assert await asyncio.wait_for(running.process.wait(), WAIT_S) == 70
        assert running.servers() == []


async def test_a_taken_port_is_told_and_nothing_is_left() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        async with box("--port", str(port)) as running:
            _, errors = await asyncio.wait_for(running.process.communicate(), WAIT_S)
    assert running.process.returncode == 1
    assert "port-taken" in errors.decode()
    assert str(port) in errors.decode()


async def test_an_unknown_persona_is_told_with_the_nearest_name() -> None:
    async with box("--port", "0", "--persona", "clinik") as running:
        _, errors = await asyncio.wait_for(running.process.communicate(), WAIT_S)
    assert running.process.returncode == 1
    assert "did you mean clinic?" in errors.decode()


async def test_killed_it_takes_livekit_server_with_it() -> None:
    async with box("--port", "0") as running:
        await running.url()
        servers = running.servers()
        assert len(servers) == 1
        await running.stopped(signal.SIGKILL)
        async with asyncio.timeout(STOPS_S):
            while Path(f"/proc/{servers[0]}").exists() and not _zombie(servers[0]):
                await asyncio.sleep(0.02)


def _zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True
