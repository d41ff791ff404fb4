"""Plays recordings as a visitor's microphone: 10 ms frames at absolute deadlines, silence between."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from av.error import FFmpegError
from livekit import rtc

from appliance.clock import Clock, monotonic
from appliance.errors import MediaError
from appliance.evaluation.timeline import RATE_HZ, Pcm16, Spoken, audible

FRAME_S = 0.01
_FRAME = int(RATE_HZ * FRAME_S)


@dataclass(frozen=True, slots=True)
class Recording:
    """Speech that can be played."""

    name: str
    """For reports."""
    pcm: Pcm16
    """(n,) int16 at RATE_HZ, mono."""


@dataclass(slots=True)
class _Playing:
    recording: Recording
    done: asyncio.Future[Spoken]
    last: int
    offset: int = 0
    first_s: float = 0.0
    last_s: float = 0.0
    late_s: float = 0.0


def read(path: Path) -> Recording:
    """Decode a sound file of any rate and channel count.

    Raises:
        MediaError: it cannot be read, or holds no sample at or above -45 dBFS.
    """
    try:
        with av.open(str(path)) as container:
            resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE_HZ)
            frames = [f for frame in container.decode(audio=0) for f in resampler.resample(frame)]
            frames += resampler.resample(None)
            blocks = [f.to_ndarray().reshape(-1) for f in frames]
    except (FFmpegError, OSError, IndexError) as error:
        raise MediaError(f"{path} is no sound file that can be read") from error
    pcm = np.concatenate(blocks).astype(np.int16) if blocks else np.empty(0, np.int16)
    if audible(pcm) is None:
        raise MediaError(f"{path} is silent", code="silent", hint="a question must reach -45 dBFS")
    return Recording(path.stem, pcm)


class Microphone:
    """A track that is silent until it is told to play."""

    def __init__(self, clock: Clock = monotonic) -> None:
        # No queue: a frame goes out when it is handed over, so that its deadline is the time it was spoken.
        self._source = rtc.AudioSource(RATE_HZ, 1, queue_size_ms=0)
        self.track = rtc.LocalAudioTrack.create_audio_track("microphone", self._source)
        self._clock = clock
        self._waiting: deque[_Playing] = deque()

    async def play(self, recording: Recording) -> Spoken:
        """Say `recording`, and return once its last audible sample is out; what follows it is played as well."""
        span = audible(recording.pcm)
        assert span is not None
        playing = _Playing(recording, asyncio.get_running_loop().create_future(), last=span[1])
        self._waiting.append(playing)
        return await playing.done

    async def run(self) -> None:
        """Send frames in real time until cancelled."""
        silence = np.zeros(_FRAME, np.int16)
        due_s = self._clock()
        try:
            while True:
                due_s += FRAME_S
                await asyncio.sleep(max(0.0, due_s - self._clock()))
                pcm = self._next(due_s) if self._waiting else silence
                await self._source.capture_frame(rtc.AudioFrame(pcm.tobytes(), RATE_HZ, 1, _FRAME))
        finally:
            for playing in self._waiting:
                playing.done.cancel()
            await self._source.aclose()

    def _next(self, due_s: float) -> Pcm16:
        """The next frame; its sound was made in the 10 ms that end when it is due."""
        playing = self._waiting[0]
        pcm = playing.recording.pcm[playing.offset : playing.offset + _FRAME]
        playing.late_s = max(playing.late_s, self._clock() - due_s)
        span = audible(pcm)
        if span is not None:
            began_s = due_s - FRAME_S
            playing.first_s = playing.first_s or began_s + span[0] / RATE_HZ
            playing.last_s = began_s + span[1] / RATE_HZ
        playing.offset += _FRAME
        if not playing.done.done() and playing.offset > playing.last:
            name = playing.recording.name
            playing.done.set_result(Spoken(name, playing.first_s, playing.last_s, playing.late_s))
        if playing.offset >= len(playing.recording.pcm):
            self._waiting.popleft()
        return np.concatenate((pcm, np.zeros(_FRAME - len(pcm), np.int16)))
