"""The baseline's job: a plain AgentSession in each room, and a test picture where the avatar's face would be."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from livekit import rtc
from livekit.agents import Agent, AgentServer, AgentSession, JobContext, JobProcess, inference

from appliance.evaluation.stock.plugins import StockLLM, StockSTT, StockTTS

NAME = "stock"
SETTINGS = "STOCK_SETTINGS"
"""The variable that carries paths and instructions into LiveKit's job processes, as JSON."""
SIZE_PX = 512
FPS = 25


def setup(process: JobProcess) -> None:
    """Load the models once a job process, before it is given a job: LiveKit's own advice."""
    settings: Mapping[str, str] = json.loads(os.environ[SETTINGS])
    process.userdata["stt"] = StockSTT(Path(settings["ears"]))
    process.userdata["llm"] = StockLLM(Path(settings["mind"]), reply_tokens=int(settings["reply_tokens"]))
    process.userdata["tts"] = StockTTS(Path(settings["voice"]))


async def entrypoint(job: JobContext) -> None:
    """Serve one visitor."""
    models = job.proc.userdata
    session: AgentSession[None] = AgentSession(
        stt=models["stt"],
        llm=models["llm"],
        tts=models["tts"],
        # Both are what the defaults come to on a box without LiveKit's cloud; named, so that no variable changes it.
        turn_handling={
            "turn_detection": inference.TurnDetector(version="v1-mini"),
            "interruption": {"mode": "vad"},
        },
    )
    await job.connect()
    picture = asyncio.create_task(_show_picture(job.room), name="test-picture")

    async def stop() -> None:
        picture.cancel()
        await asyncio.gather(picture, return_exceptions=True)

    job.add_shutdown_callback(stop)
    instructions = json.loads(os.environ[SETTINGS])["instructions"]
    await session.start(Agent(instructions=instructions), room=job.room, record=False)


def server(url: str, key: str, secret: str) -> AgentServer:
    """LiveKit's worker with its default executor, a process a job.

    Three settings differ from the defaults, all in its favour on a small machine: the load figure (CPU above 0.7
    refuses visitors), one spare process instead of one a core, and a minute to load the models.
    """
    worker = AgentServer(
        ws_url=url,
        api_key=key,
        api_secret=secret,
        setup_fnc=setup,
        load_fnc=lambda: 0.0,
        num_idle_processes=1,
        initialize_process_timeout=60.0,
        host="127.0.0.1",
        port=0,
        http_proxy=None,
    )
    worker.rtc_session(entrypoint, agent_name=NAME)
    return worker


async def _show_picture(room: rtc.Room) -> None:
    """A grey test picture with a moving bar, published as the SDK does by default."""
    source = rtc.VideoSource(SIZE_PX, SIZE_PX)
    track = rtc.LocalVideoTrack.create_video_track("picture", source)
    await room.local_participant.publish_track(track, rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_CAMERA))
    loop = asyncio.get_running_loop()
    pixels = np.full((SIZE_PX, SIZE_PX, 4), 128, np.uint8)
    due_s, shown = loop.time(), 0
    while True:
        pixels[320:400, 192:320] = 128
        left = 192 + shown % 96
        pixels[320:400, left : left + 32] = 20
        source.capture_frame(rtc.VideoFrame(SIZE_PX, SIZE_PX, rtc.VideoBufferType.RGBA, pixels.tobytes()))
        shown += 1
        due_s += 1 / FPS
        await asyncio.sleep(max(0.0, due_s - loop.time()))
