"""Whisper as a LiveKit plugin: audio frames in, speech events out; the engine behind it is shared by all sessions."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, cast

import numpy as np
from livekit import rtc
from livekit.agents import APIConnectOptions, APIError, APITimeoutError, stt, utils
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS, NOT_GIVEN, NotGivenOr

from appliance.config import EarsConfig
from appliance.context import Context
from appliance.ears.speculation import SpeculativeStream, spoken_data
from appliance.ears.voice_activity import voice_activity
from appliance.ears.whisper import Transcript, Utterance, WhisperEngine
from appliance.ears.windows import RATE_HZ, Samples
from appliance.engine import Bridge, Limits, Streams
from appliance.errors import BundleError, STTError

_DEADLINE_S = 30.0
_AGAIN = 3
_PASSING = ("overloaded", "deadline-exceeded")
"""Codes of failures that say nothing about the next utterance."""


def create(section: EarsConfig, context: Context) -> WhisperSTT:
    """The provider `whisper`.

    Raises:
        BundleError: code not-found, the bundle has no model for the ears.
    """
    if "ears" not in context.files:
        raise BundleError("the bundle has no model that hears", code="not-found")
    folder = context.files["ears"]

    def build() -> Bridge[Utterance, Transcript]:
        engine = WhisperEngine(folder, section)
        return Bridge("ears", engine, engine.transcribe, limits=Limits(active=4), error=STTError)

    return WhisperSTT(context.engines.get("ears", build), context, section)


class WhisperSTT(stt.STT[Any]):
    """One session's ears."""

    def __init__(self, bridge: Streams[Utterance, Transcript], context: Context, section: EarsConfig) -> None:
        # Without a pause to speculate on, LiveKit's StreamAdapter drives `_recognize_impl` from the session's VAD.
        streaming = section.pause_ms > 0
        super().__init__(capabilities=stt.STTCapabilities(streaming=streaming, interim_results=False))
        self._bridge = bridge
        self._context = context
        self._section = section
        self._voice_activity = voice_activity()

    @property
    def model(self) -> str:
        folder = self._context.files.get("ears")
        return folder.name if folder else "whisper"

    @property
    def provider(self) -> str:
        return "whisper"

    def stream(
        self,
        *,
        language: NotGivenOr[str] = NOT_GIVEN,
        conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS,
    ) -> SpeculativeStream:
        """Listen to one microphone; the language is the configured one."""
        return SpeculativeStream(
            self,
            conn_options,
            hear=self.hear,
            voice_activity=self._voice_activity,
            pause_s=self._section.pause_ms / 1000,
        )

    async def hear(self, pcm: Samples) -> Transcript:
        """Transcribe (n,) float32 16 kHz speech.

        Raises:
            MediaError: it is empty or too long.
            APIError: the engine failed; retryable when it was only too busy.
        """
        utterance = Utterance(pcm, self._context.turn.current)
        for attempt in range(_AGAIN):
            try:
                return await self._once(utterance)
            except STTError as error:
                # Speech that goes on raises the turn. What was said before it is still said: ask again.
                if error.code == "cancelled" and attempt < _AGAIN - 1:
                    continue
                raise _api_error(error) from error
        raise AssertionError("the last attempt returns or raises")

    async def _once(self, utterance: Utterance) -> Transcript:
        stream = self._bridge.stream(utterance, self._context.call(_DEADLINE_S))
        async with aclosing(cast("AsyncGenerator[Transcript, None]", stream)) as items:
            async for transcript in items:
                return transcript
        raise STTError("Whisper gave no transcript", code="inference-failed")

    async def _recognize_impl(
        self,
        buffer: utils.AudioBuffer,
        *,
        language: NotGivenOr[str] = NOT_GIVEN,
        conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS,
    ) -> stt.SpeechEvent:
        heard = await self.hear(samples(utils.merge_frames(buffer)))
        return stt.SpeechEvent(stt.SpeechEventType.FINAL_TRANSCRIPT, alternatives=[spoken_data(heard)])


def samples(frame: rtc.AudioFrame) -> Samples:
    """A frame of any rate and channel count as (n,) float32 in [-1, 1], 16 kHz mono."""
    data = np.frombuffer(frame.data, np.int16).reshape(-1, frame.num_channels)
    mono = data[:, 0] if frame.num_channels == 1 else data.mean(axis=1).astype(np.int16)
    if frame.sample_rate != RATE_HZ:
        resampler = rtc.AudioResampler(frame.sample_rate, RATE_HZ, quality=rtc.AudioResamplerQuality.HIGH)
        whole = rtc.AudioFrame(mono.tobytes(), frame.sample_rate, 1, len(mono))
        parts = [*resampler.push(whole), *resampler.flush()]
        mono = np.concatenate([np.frombuffer(part.data, np.int16) for part in parts]) if parts else mono[:0]
    return cast("Samples", mono.astype(np.float32) / 32768.0)


def _api_error(error: STTError) -> APIError:
    """An engine's error in LiveKit's terms, the engine's own as its cause."""
    if error.code == "deadline-exceeded":
        return APITimeoutError(str(error), retryable=True)
    return APIError(str(error), body=error.as_dict(), retryable=error.code in _PASSING)
