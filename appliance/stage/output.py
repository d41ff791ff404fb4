"""The session's audio output: LiveKit hands it the reply; the publisher takes it out a frame's time at once."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
from livekit import rtc
from livekit.agents.voice import io

from appliance.metrics import barge_ins
from appliance.phoneme import Phoneme, carried
from appliance.stage.captions import Captions
from appliance.stage.playout import Chunk, Finished, Pcm16, Playout


class Face(Protocol):
    """What the stage needs of a face: it is shown speech ahead of time and asked for one frame a chunk."""

    fps: int
    """Pictures a second that are drawn from the next request on; those between are held."""
    still: bool
    """Whether nothing is drawn, and nothing moves."""
    state: str
    """What goes on: idle, listening, thinking, speaking, greeting or calm. It moves accordingly when it next can."""

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        ...

    def push(self, segment: int, pcm: Pcm16, rate_hz: int, phonemes: Sequence[Phoneme] = ()) -> None:
        """Speech of an utterance, before it is heard: (n,) int16; with its phonemes where the voice knows them."""
        ...

    def flush(self, segment: int) -> None:
        """The utterance is complete."""
        ...

    def clear(self) -> None:
        """Forget all speech; the mouth closes."""
        ...

    def ready(self, segment: int, index: int) -> bool:
        """Whether that chunk's frame is rendered."""
        ...

    def frame(self, key: tuple[int, int] | None) -> bytes:
        """The I420 picture to show now: of a chunk (segment, index), or in silence."""
        ...

    async def wait(self, segment: int, index: int) -> None:
        """Wait until that chunk's frame is rendered."""
        ...

    async def aclose(self) -> None: ...


class SpeechOutput(io.AudioOutput):
    """Accepts speech faster than it is heard, can pause and be cleared at once, and reports what was heard."""

    def __init__(self, face: Face, *, rate_hz: int, fps: int, on_clear: Callable[[], None]) -> None:
        """
        Args:
            on_clear: called on barge-in, to throw away what was handed out and not yet heard.

        `captions`, where they are set, are told what is heard. While `doubted`, no utterance begins.
        """
        super().__init__(
            label="face", capabilities=io.AudioOutputCapabilities(pause=True), sample_rate=None, next_in_chain=None
        )
        self._face = face
        self._rate_hz = rate_hz
        self._chunk_s = 1 / fps
        self._on_clear = on_clear
        self.captions: Captions | None = None
        self.doubted: Callable[[], bool] = lambda: False
        self._playout = Playout(chunk_samples=rate_hz // fps)
        self._resampler: rtc.AudioResampler | None = None
        self._unheard_s = 0.0
        self._announced = -1
        self._arrived = asyncio.Event()

    def speaking(self) -> bool:
        """Whether there is anything left to be heard, be it paused."""
        return self._playout.pending

    def paused(self) -> bool:
        """Whether there is something left to be heard that does not go on now."""
        return self._playout.pending and self._playout.paused

    def ready(self) -> bool:
        """Whether something can be heard now, and its picture seen."""
        key = self._next_key()
        return key is not None and self._playout.due and self._face.ready(*key)

    async def arrival(self, within_s: float) -> None:
        """Return when speech has come, or after so many seconds."""
        self._arrived.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._arrived.wait()

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        await super().capture_frame(frame)
        # LiveKit would make the rate ours as well, but drops what frames carry beside the sound.
        segment = self._playout.push(self._resampled(frame))
        self._face.push(segment, _samples(frame), frame.sample_rate, carried(frame))
        self._arrived.set()

    def flush(self) -> None:
        super().flush()
        if self._resampler is not None:
            for rest in self._resampler.flush():
                self._playout.push(_samples(rest))
            self._resampler = None
        segment = self._playout.flush()
        if segment is not None:
            self._face.flush(segment)

    def clear_buffer(self) -> None:
        if not self._playout.pending:
            return
        barge_ins.inc()
        self._resampler = None
        unheard = int(self._unheard_s * self._rate_hz)
        self._on_clear()
        self._face.clear()
        for ended in self._playout.clear():
            self._report(Finished(ended.segment, max(ended.played_samples - unheard, 0), ended.interrupted))

    def pause(self) -> None:
        super().pause()
        if self._playout.paused:
            return
        self._playout.paused = True
        if self._playout.speaking:
            self._playout.rewind(round(self._unheard_s / self._chunk_s))
            self._on_clear()

    def resume(self) -> None:
        super().resume()
        self._playout.paused = False

    def take(self, *, queued_s: float) -> Chunk | None:
        """What is heard next; None is silence.

        Args:
            queued_s: seconds of sound handed out and not yet heard.
        """
        self._unheard_s = queued_s if self._playout.speaking else 0.0
        key = self._next_key()
        chunk = self._playout.take(face_ready=self._face.ready(*key)) if key is not None else None
        if chunk is not None and chunk.segment != self._announced:
            self._announced = chunk.segment
            self.on_playback_started(created_at=time.time())  # LiveKit's event carries a wall clock
        if chunk is not None and self.captions is not None:
            self.captions.reach(chunk.index * self._chunk_s - queued_s)
        if (ended := self._playout.finish()) is not None:
            asyncio.get_running_loop().call_later(queued_s + self._chunk_s, self._report, ended)
        return chunk

    def _next_key(self) -> tuple[int, int] | None:
        """Of the chunk that may be heard next."""
        key = self._playout.next_key()
        return None if key is None or (key[1] == 0 and self.doubted()) else key

    def _report(self, ended: Finished) -> None:
        position_s = ended.played_samples / self._rate_hz
        said = self.captions.end(position_s, interrupted=ended.interrupted) if self.captions is not None else None
        self.on_playback_finished(
            playback_position=position_s, interrupted=ended.interrupted, synchronized_transcript=said
        )

    def _resampled(self, frame: rtc.AudioFrame) -> Pcm16:
        if frame.sample_rate == self._rate_hz:
            return _samples(frame)
        if self._resampler is None:
            self._resampler = rtc.AudioResampler(frame.sample_rate, self._rate_hz)
        pieces = [_samples(piece) for piece in self._resampler.push(frame)]
        return np.concatenate(pieces) if pieces else np.empty(0, np.int16)


def _samples(frame: rtc.AudioFrame) -> Pcm16:
    return np.frombuffer(frame.data, np.int16).copy()
