"""A visit without models: the agent joins, hums a tone for as long as its visitor stays, and releases everything."""

from __future__ import annotations

import asyncio

import numpy as np
from livekit import rtc

from appliance.session import Invited

RATE_HZ = 48_000
_CHUNK = 480


class FakeVisit:
    """`stubborn` visits do not notice that their room is closed."""

    def __init__(self, *, stubborn: bool = False) -> None:
        self.stubborn = stubborn
        self.began = 0
        self.ended = 0

    async def __call__(self, invited: Invited) -> str:
        self.began += 1
        ending = asyncio.Event()
        source = rtc.AudioSource(RATE_HZ, 1)
        humming: asyncio.Task[None] | None = None
        try:
            if not self.stubborn:
                invited.room.on("disconnected", lambda *_: ending.set())
            invited.room.on("participant_disconnected", lambda *_: ending.set())
            await invited.connect()
            track = rtc.LocalAudioTrack.create_audio_track("voice", source)
            options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
            await invited.room.local_participant.publish_track(track, options)
            humming = asyncio.create_task(_hum(source))
            await ending.wait()
        finally:
            self.ended += 1
            if humming is not None:
                humming.cancel()
                await asyncio.gather(humming, return_exceptions=True)
            await source.aclose()
        return "over"


async def _hum(source: rtc.AudioSource) -> None:
    phase = np.arange(_CHUNK) * 2 * np.pi * 440 / RATE_HZ
    while True:
        pcm = (np.sin(phase) * 8000).astype(np.int16)
        await source.capture_frame(rtc.AudioFrame(pcm.tobytes(), RATE_HZ, 1, _CHUNK))
