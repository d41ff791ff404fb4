"""`python -m appliance.evaluation.stock SETTINGS.json`: a livekit-server, the stock agent, and tokens to its rooms."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import socket
import sys
from collections.abc import AsyncGenerator
from pathlib import Path

import uvicorn
from fastapi import FastAPI, Response

from appliance.config import SfuConfig
from appliance.evaluation.stock import agent
from appliance.rooms import Rooms, random_name
from appliance.sfu import Sfu


class _Server(uvicorn.Server):
    """Says where it is once it answers."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        host, port = (sockets or [])[0].getsockname()[:2]
        print(f"ready: http://{host}:{port}/", flush=True)


def create_app(rooms: Rooms, jobs: agent.AgentServer) -> FastAPI:
    """Tokens and a gauge, in the same words as the appliance's own API."""
    app = FastAPI()

    @app.post("/api/token")
    async def token() -> dict[str, str]:
        room = random_name()
        await rooms.create(room, empty_timeout_s=60)
        invitation = rooms.invite(room, ttl_s=120)
        return {"server_url": invitation.server_url, "participant_token": invitation.participant_token}

    @app.get("/metrics")
    async def metrics() -> Response:
        return Response(f"appliance_sessions_active {len(jobs.active_jobs)}\n", media_type="text/plain")

    for route in (token, metrics):  # they are used by FastAPI alone
        assert route
    return app


@contextlib.asynccontextmanager
async def _worker(sfu: Sfu) -> AsyncGenerator[agent.AgentServer]:
    worker = agent.server(sfu.url, sfu.key, sfu.secret)
    registered = asyncio.Event()
    worker.on("worker_registered", lambda *_: registered.set())
    task = asyncio.create_task(worker.run(), name="stock-worker")
    waiting = asyncio.create_task(registered.wait())
    await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    try:
        yield worker
    finally:
        await worker.aclose()
        await asyncio.gather(task, waiting, return_exceptions=True)


async def main(settings: str) -> None:
    """Serve until SIGTERM or SIGINT."""
    os.environ[agent.SETTINGS] = settings
    os.environ["HF_HUB_OFFLINE"] = "1"
    sfu = Sfu(SfuConfig(port=0, tcp_port=0, udp_port=0, binary=json.loads(settings)["livekit_server"]))
    await sfu.start()
    try:
        async with _worker(sfu) as worker:
            app = create_app(Rooms(sfu, agent_name=agent.NAME), worker)
            listener = socket.create_server(("127.0.0.1", 0))
            await _Server(uvicorn.Config(app, log_level="warning")).serve([listener])
    finally:
        await sfu.stop()


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    asyncio.run(main(Path(sys.argv[1]).read_text(encoding="utf-8")))
