"""A face published through a livekit-server of its own to a watching process: what that takes of this process's core.

Counted is this process's CPU time, all threads together: net, mel, composition, both tracks' encoding, encryption and
sending, and Python. Not counted: livekit-server and the watcher, which are processes of their own.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from livekit import api, rtc
from prometheus_client import REGISTRY

from appliance import webrtc
from appliance.clock import monotonic
from appliance.config import SfuConfig
from appliance.errors import AvatarError, RoomError
from appliance.rooms import random_name
from appliance.sfu import Sfu
from appliance.stage.output import Face
from appliance.stage.publisher import Publisher, PublishOptions

_JOIN_S = 15.0


@dataclass(frozen=True, slots=True)
class Spoken:
    """One utterance that was published in real time."""

    core_share: float
    """CPU seconds a second, from its first sound to its last."""
    first_picture_ms: float
    """From the first speech handed to the face to its first picture."""
    late: int
    """Pictures of it that were not drawn in time."""


async def core_share(seconds: float) -> float:
    """CPU seconds that this process uses in a second while it does nothing but what it is doing already."""
    started_s, used_s = monotonic(), time.process_time()
    await asyncio.sleep(seconds)
    return (time.process_time() - used_s) / (monotonic() - started_s)


@contextlib.asynccontextmanager
async def stage(face: Face, options: PublishOptions) -> AsyncGenerator[Publisher]:
    """Publish a face to somebody who watches.

    Raises:
        ConfigurationError, ServerExited: livekit-server could not be started.
        RoomError: the room could not be made, joined or published to.
    """
    webrtc.prepare()
    sfu = Sfu(SfuConfig(host="127.0.0.1", port=0, udp_port=0, tcp_port=0))
    room, name = rtc.Room(), random_name()
    await sfu.start()
    try:
        await _create(sfu, name)
        async with asyncio.timeout(_JOIN_S):
            await room.connect(sfu.url, _token(sfu, name, "face"))
        async with _watcher(sfu.url, _token(sfu, name, "watcher")):
            publisher = Publisher(room, face, options)
            await publisher.start(subscribed_within_s=_JOIN_S)
            yield publisher
            await publisher.aclose()
            await room.disconnect()
    except (rtc.ConnectError, TimeoutError) as error:
        raise RoomError(f"the room could not be joined: {error}", code="not-joined") from error
    finally:
        await sfu.stop()


async def speak(publisher: Publisher, face: Face, segment: int, frames: Sequence[rtc.AudioFrame]) -> Spoken:
    """Publish an utterance, handed over faster than it is heard, and wait until it was heard.

    Args:
        segment: its number, from 0 on.
        frames: as a voice hands them over, at least one.
    Raises:
        AvatarError: code inference-failed, no picture of it was drawn.
    """
    late = _late()
    started_s, used_s = monotonic(), time.process_time()
    await publisher.output.capture_frame(frames[0])
    first = asyncio.create_task(_drawn_s(face, segment))
    for frame in frames[1:]:
        await publisher.output.capture_frame(frame)
    publisher.output.flush()
    await publisher.output.wait_for_playout()
    share = (time.process_time() - used_s) / (monotonic() - started_s)
    if not first.done():
        first.cancel()
        raise AvatarError("no picture of what was said was drawn", code="inference-failed")
    return Spoken(share, (first.result() - started_s) * 1000, _late() - late)


async def _drawn_s(face: Face, segment: int) -> float:
    await face.wait(segment, 0)
    return monotonic()


def _late() -> int:
    return round(REGISTRY.get_sample_value("appliance_frames_late_total") or 0)


async def _create(sfu: Sfu, name: str) -> None:
    async with api.LiveKitAPI(sfu.url, sfu.key, sfu.secret, failover=False) as client:
        try:
            await client.room.create_room(api.CreateRoomRequest(name=name, empty_timeout=round(_JOIN_S)))
        except (api.TwirpError, aiohttp.ClientError, TimeoutError) as error:
            raise RoomError("livekit-server did not create the room", code="not-created") from error


def _token(sfu: Sfu, name: str, identity: str) -> str:
    grants = api.VideoGrants(room_join=True, room=name)
    return api.AccessToken(sfu.key, sfu.secret).with_identity(identity).with_grants(grants).to_jwt()


@contextlib.asynccontextmanager
async def _watcher(url: str, token: str) -> AsyncGenerator[None]:
    path = os.pathsep.join(filter(None, (str(Path(__file__).parents[3]), os.environ.get("PYTHONPATH", ""))))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "appliance.evaluation.engines.watcher"),
        stdin=asyncio.subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": path, "WATCH_URL": url, "WATCH_TOKEN": token},
    )
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()
