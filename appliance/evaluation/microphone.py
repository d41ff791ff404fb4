"""Plays recordings as a visitor's microphone: frames at absolute deadlines, silence between, and a room's echo."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import av
import numpy as np
from av.error import FFmpegError
from livekit import rtc

from appliance.clock import Clock, monotonic
from appliance.errors import MediaError
from appliance.evaluation.timeline import RATE_HZ, Pcm16, Spoken, audible

FRAME_S = 0.01
"""The shortest frame: WebRTC's own."""


@dataclass(frozen=True, slots=True)
class Recording:
    """Speech that can be played."""

    name: str
    """For reports."""
    pcm: Pcm16
    """(n,) int16 at RATE_HZ, mono."""
    pause: tuple[int, int] | None = None
    """Indices of the last audible sample before the pause that was put in and of the first after it."""


class Surroundings(Protocol):
    """What a microphone picks up beside its speaker."""

    def sound(self, n_samples: int) -> Pcm16:
        """The next (n_samples,) int16."""
        ...


@dataclass(slots=True)
class _Playing:
    recording: Recording
    done: asyncio.Future[Spoken]
    last: int
    offset: int = 0
    first_s: float = 0.0
    last_s: float = 0.0
    late_s: float = 0.0

    def spoken(self) -> Spoken:
        """What became of it, once its last audible sample is out."""
        pause = self.recording.pause
        if pause is None:
            return Spoken(self.recording.name, self.first_s, self.last_s, self.late_s)
        before_s, after_s = (self.last_s - (self.last - index) / RATE_HZ for index in pause)
        return Spoken(self.recording.name, self.first_s, self.last_s, self.late_s, (before_s, after_s))


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

    def __init__(self, clock: Clock = monotonic, *, frame_s: float = FRAME_S) -> None:
        """
        Args:
            frame_s: how much is handed to WebRTC at once; longer frames cost less and time speech less exactly.
        """
        # No queue: a frame goes out when it is handed over, so that its deadline is the time it was spoken. Longer ones
        # need a queue, which sends the frame that was handed over before.
        self._queued_s = frame_s if frame_s > FRAME_S else 0.0
        self._source = rtc.AudioSource(RATE_HZ, 1, queue_size_ms=round(4000 * self._queued_s))
        self.track = rtc.LocalAudioTrack.create_audio_track("microphone", self._source)
        self.surroundings: Surroundings | None = None
        self._clock = clock
        self._frame_s = frame_s
        self._n_samples = round(RATE_HZ * frame_s)
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
        silence = np.zeros(self._n_samples, np.int16)
        due_s = self._clock()
        try:
            if self._queued_s:
                await self._send(silence)
            while True:
                due_s += self._frame_s
                await asyncio.sleep(max(0.0, due_s - self._clock()))
                pcm = self._next(due_s) if self._waiting else silence
                if self.surroundings is not None:
                    pcm = _mixed(pcm, self.surroundings.sound(self._n_samples))
                await self._send(pcm)
        finally:
            for playing in self._waiting:
                playing.done.cancel()
            await self._source.aclose()

    async def _send(self, pcm: Pcm16) -> None:
        await self._source.capture_frame(rtc.AudioFrame(pcm.tobytes(), RATE_HZ, 1, len(pcm)))

    def _next(self, due_s: float) -> Pcm16:
        """The next frame; its sound was made in the time that ends when it is due, or when it has left the queue."""
        playing = self._waiting[0]
        pcm = playing.recording.pcm[playing.offset : playing.offset + self._n_samples]
        playing.late_s = max(playing.late_s, self._clock() - due_s)
        span = audible(pcm)
        if span is not None:
            began_s = due_s - self._frame_s + self._queued_s
            playing.first_s = playing.first_s or began_s + span[0] / RATE_HZ
            playing.last_s = began_s + span[1] / RATE_HZ
        playing.offset += self._n_samples
        if not playing.done.done() and playing.offset > playing.last:
            playing.done.set_result(playing.spoken())
        if playing.offset >= len(playing.recording.pcm):
            self._waiting.popleft()
        return np.concatenate((pcm, np.zeros(self._n_samples - len(pcm), np.int16)))


def _mixed(speech: Pcm16, around: Pcm16) -> Pcm16:
    return np.clip(speech.astype(np.int32) + around, -32768, 32767).astype(np.int16)
