"""A visitor who only watches, as a process of its own: receives voice and face of a room until it is closed.

What decoding costs is then not counted as the face's. `python -m appliance.evaluation.engines.watcher`, with the
room's address in WATCH_URL and a token in WATCH_TOKEN.
"""

from __future__ import annotations

import asyncio
import os

from livekit import rtc

from appliance import webrtc


async def watch(url: str, token: str) -> None:
    """Stay in the room until it or the process that opened it has gone."""
    webrtc.prepare()
    gone = asyncio.Event()
    room = rtc.Room()
    tasks: set[asyncio.Task[None]] = set()

    def subscribed(track: rtc.Track, *_: object) -> None:
        tasks.add(asyncio.create_task(_receive(track), name="watcher"))

    room.on("track_subscribed", subscribed)
    room.on("disconnected", lambda *_: gone.set())
    await room.connect(url, token)
    await gone.wait()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _receive(track: rtc.Track) -> None:
    video = track.kind == rtc.TrackKind.KIND_VIDEO
    stream = rtc.VideoStream(track, format=rtc.VideoBufferType.I420) if video else rtc.AudioStream(track)
    try:
        async for _ in stream:
            pass
    finally:
        await stream.aclose()


if __name__ == "__main__":
    asyncio.run(watch(os.environ["WATCH_URL"], os.environ["WATCH_TOKEN"]))
