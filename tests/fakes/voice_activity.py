"""Voice activity by loudness: a window of 32 ms is speech when it is loud. Deterministic, without a thread."""

from __future__ import annotations

import numpy as np
from livekit import rtc
from livekit.agents import vad

WINDOW = 512
RATE_HZ = 16_000


class FakeVoiceActivity(vad.VAD):
    """A VAD with LiveKit's own timing: speech after 50 ms, its end after 250 ms of silence, 500 ms kept before."""

    def __init__(self) -> None:
        super().__init__(capabilities=vad.VADCapabilities(update_interval=WINDOW / RATE_HZ))

    def stream(self) -> vad.VADStream:
        return _Stream(self)


class _Stream(vad.VADStream):
    async def _main_task(self) -> None:
        self._forget()
        pending = np.empty(0, np.int16)
        async for item in self._input_ch:
            if not isinstance(item, rtc.AudioFrame):
                self._forget()
                continue
            pending = np.concatenate([pending, np.frombuffer(item.data, np.int16)])
            while len(pending) >= WINDOW:
                window, pending = pending[:WINDOW], pending[WINDOW:]
                self._window(window)

    def _forget(self) -> None:
        self._speaking = False
        self._speech_s = self._silence_s = 0.0
        self._kept = np.empty(0, np.int16)

    def _window(self, window: np.ndarray) -> None:
        loud = float(np.abs(window).max()) > 1000
        self._kept = np.concatenate([self._kept, window])
        self._emit(vad.VADEventType.INFERENCE_DONE, window, float(loud))
        self._speech_s = self._speech_s + WINDOW / RATE_HZ if loud else 0.0
        self._silence_s = 0.0 if loud else self._silence_s + WINDOW / RATE_HZ
        if not self._speaking and self._speech_s >= 0.05:
            self._speaking = True
            self._emit(vad.VADEventType.START_OF_SPEECH, self._kept)
        elif self._speaking and self._silence_s >= 0.25:
            self._speaking = False
            self._emit(vad.VADEventType.END_OF_SPEECH, self._kept)
        if not self._speaking:
            self._kept = self._kept[-RATE_HZ // 2 :]

    def _emit(self, kind: vad.VADEventType, pcm: np.ndarray, probability: float = 0.0) -> None:
        self._event_ch.send_nowait(
            vad.VADEvent(
                type=kind,
                samples_index=0,
                timestamp=0.0,
                speech_duration=self._speech_s,
                silence_duration=self._silence_s,
                frames=[rtc.AudioFrame(pcm.tobytes(), RATE_HZ, 1, len(pcm))],
                probability=probability,
                speaking=self._speaking,
            )
        )
