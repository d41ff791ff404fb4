"""Transcribing ahead: words are made at the first short pause, not after the silence that ends an utterance.

`Speculation` decides, from voice activity alone; `SpeculativeStream` carries its decisions out for LiveKit. At a pause
the words so far go out as PREFLIGHT, on which the reply is begun; when the voice activity detector then ends the
utterance and nobody spoke since, the same words are FINAL without running Whisper again.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable, Sequence
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt
from livekit import rtc
from livekit.agents import APIConnectOptions, APIError, stt, utils, vad
from livekit.agents.language import LanguageCode

from appliance.ears.whisper import Transcript
from appliance.ears.windows import RATE_HZ, Samples

logger = logging.getLogger(__name__)

Hear = Callable[[Samples], Awaitable[Transcript]]

_VOICED = 0.35
"""Probability above which a window is speech while someone speaks; LiveKit's VAD uses the same."""
_QUIETEST_DBFS = -120.0
_SURELY_VOICED = 0.5
"""Probability above which a window tells how loud the speech is."""
_DROP_DB = 30.0
"""So far below the loudest of the utterance a window is a pause, whatever the detector says: it goes on for 80 ms after
the last sound. Measured on 47 utterances: the pause is found 100 ms after the last sound instead of 164."""
_FADE_DB = 0.3
"""By which the loudest window counts less with each later one, so that a bang is soon forgotten."""
_LEAST_SPEECH_S = 0.2
"""Less is a click or a breath: nothing is transcribed ahead."""
_RESUMED_S = 0.05
"""Voice for longer than one window of 32 ms: speech goes on."""
_LONGEST_S = 60.0
"""What is said beyond that without a pause is not heard; LiveKit's VAD stops there too."""


class Step(StrEnum):
    """What to do now."""

    NOTHING = "nothing"
    TRANSCRIBE = "transcribe"
    FORGET = "forget"
    COMMIT = "commit"


class Speculation:
    """Decides when the words so far are worth transcribing, and when that was in vain."""

    def __init__(self, pause_s: float, *, rate_hz: int = RATE_HZ) -> None:
        """
        Args:
            pause_s: silence in seconds after which the words so far are transcribed; less than ends an utterance.
        """
        self._n_pause = round(pause_s * rate_hz)
        self._n_least = round(_LEAST_SPEECH_S * rate_hz)
        self._n_resumed = round(_RESUMED_S * rate_hz)
        self._speaking = False
        self._ahead = False
        self._n_voiced = 0
        self._n_voiced_in_a_row = 0
        self._n_silent = 0
        self._loudest_dbfs = _QUIETEST_DBFS

    def begin(self) -> None:
        """Speech was detected; what led to that counts as voiced."""
        self._speaking = True
        self._ahead = False
        self._n_voiced = self._n_resumed
        self._n_voiced_in_a_row = self._n_silent = 0
        self._loudest_dbfs = _QUIETEST_DBFS

    def push(self, probability: float, level_dbfs: float, n_samples: int) -> Step:
        """Take one window of voice activity.

        Args:
            probability: that it is speech, 0 to 1.
            level_dbfs: how loud it is.
            n_samples: its length.
        Returns:
            TRANSCRIBE at a pause, FORGET when speech goes on after one, else NOTHING.
        """
        if not self._speaking:
            return Step.NOTHING
        if probability > _SURELY_VOICED:
            self._loudest_dbfs = max(self._loudest_dbfs - _FADE_DB, level_dbfs)
        if probability > _VOICED and level_dbfs > self._loudest_dbfs - _DROP_DB:
            self._n_silent = 0
            self._n_voiced += n_samples
            self._n_voiced_in_a_row += n_samples
            if self._ahead and self._n_voiced_in_a_row > self._n_resumed:
                self._ahead = False
                return Step.FORGET
            return Step.NOTHING
        self._n_voiced_in_a_row = 0
        self._n_silent += n_samples
        if self._ahead or self._n_silent < self._n_pause or self._n_voiced < self._n_least:
            return Step.NOTHING
        self._ahead = True
        return Step.TRANSCRIBE

    def end(self) -> Step:
        """The utterance is over: COMMIT what was transcribed ahead, or TRANSCRIBE it now."""
        self._speaking = False
        return Step.COMMIT if self._ahead else Step.TRANSCRIBE


class SpeculativeStream(stt.RecognizeStream):
    """One visitor's microphone: frames in, START, PREFLIGHT, END and FINAL out."""

    def __init__(
        self,
        owner: stt.STT[Any],
        conn_options: APIConnectOptions,
        *,
        hear: Hear,
        voice_activity: vad.VAD,
        pause_s: float,
    ) -> None:
        """
        Args:
            hear: (n,) float32 16 kHz -> Transcript; raises APIError, which is retryable when the next try may do.
            voice_activity: says when an utterance begins and ends.
            pause_s: see Speculation.
        """
        super().__init__(stt=owner, conn_options=conn_options, sample_rate=RATE_HZ)
        self._hear = hear
        self._voice_activity = voice_activity
        self._speculation = Speculation(pause_s)
        self._pieces: list[npt.NDArray[np.int16]] = []
        self._n_samples = 0
        self._ahead: asyncio.Task[Transcript | APIError] | None = None
        self._said_ahead = ""

    async def _run(self) -> None:
        activity = self._voice_activity.stream()
        forward = asyncio.create_task(self._forward(activity), name="ears.forward")
        try:
            async for event in activity:
                await self._on_activity(event)
            await forward
        finally:
            await utils.aio.cancel_and_wait(forward)
            await self._forget()
            await activity.aclose()

    async def _forward(self, activity: vad.VADStream) -> None:
        async for frame in self._input_ch:
            if isinstance(frame, rtc.AudioFrame):
                activity.push_frame(frame)
            else:
                activity.flush()
        activity.end_input()

    async def _on_activity(self, event: vad.VADEvent) -> None:
        if event.type is vad.VADEventType.START_OF_SPEECH:
            self._pieces, self._n_samples, self._said_ahead = [], 0, ""
            self._keep(event.frames)
            self._speculation.begin()
            self._event_ch.send_nowait(stt.SpeechEvent(stt.SpeechEventType.START_OF_SPEECH))
        elif event.type is vad.VADEventType.INFERENCE_DONE:
            if event.speaking:
                self._keep(event.frames)
            n_samples = sum(frame.samples_per_channel for frame in event.frames)
            step = self._speculation.push(event.probability, level_dbfs(event.frames), n_samples)
            if step is Step.TRANSCRIBE:
                await self._forget()
                self._ahead = asyncio.create_task(self._transcribe_ahead(), name="ears.ahead")
            elif step is Step.FORGET:
                await self._forget()
        else:
            ended = time.time() - event.silence_duration - event.inference_duration
            self._event_ch.send_nowait(stt.SpeechEvent(stt.SpeechEventType.END_OF_SPEECH, speech_end_time=ended))
            await self._finish(self._speculation.end(), ended)

    def _keep(self, frames: list[rtc.AudioFrame]) -> None:
        for frame in frames:
            if self._n_samples < _LONGEST_S * RATE_HZ:
                self._pieces.append(np.frombuffer(frame.data, np.int16))
                self._n_samples += frame.samples_per_channel

    async def _transcribe_ahead(self) -> Transcript | APIError:
        """The words so far; told to the session if they are new and the utterance has not ended meanwhile."""
        heard = await self._transcribe()
        if isinstance(heard, Transcript) and heard.text and heard.text != self._said_ahead and self._ahead is not None:
            self._said_ahead = heard.text
            self._event_ch.send_nowait(_spoken(stt.SpeechEventType.PREFLIGHT_TRANSCRIPT, heard, None))
        return heard

    async def _transcribe(self) -> Transcript | APIError:
        try:
            return await self._hear(np.concatenate(self._pieces).astype(np.float32) / 32768.0)
        except APIError as error:
            return error

    async def _finish(self, step: Step, ended: float) -> None:
        ahead, self._ahead = self._ahead, None
        if step is Step.COMMIT and ahead is not None:
            heard = await ahead
        else:
            heard = await self._transcribe()
        if isinstance(heard, APIError):
            if not heard.retryable:
                raise heard
            self._emit_error(heard, recoverable=True)  # this utterance is lost; the next one may be heard
            return
        usage = stt.RecognitionUsage(audio_duration=heard.audio_s)
        self._event_ch.send_nowait(stt.SpeechEvent(stt.SpeechEventType.RECOGNITION_USAGE, recognition_usage=usage))
        if heard.text:
            self._event_ch.send_nowait(_spoken(stt.SpeechEventType.FINAL_TRANSCRIPT, heard, ended))

    async def _forget(self) -> None:
        ahead, self._ahead = self._ahead, None
        if ahead is not None:
            await utils.aio.cancel_and_wait(ahead)


def level_dbfs(frames: Sequence[rtc.AudioFrame]) -> float:
    """How loud int16 frames are, in dB below full scale; -120 is digital silence."""
    n_samples = sum(frame.samples_per_channel for frame in frames) or 1
    pcm = (np.frombuffer(frame.data, np.int16).astype(np.float32) for frame in frames)
    energy = sum(float(np.dot(samples, samples)) for samples in pcm)
    return 10 * math.log10(energy / n_samples / 32768.0**2 + 1e-12)


def spoken_data(heard: Transcript) -> stt.SpeechData:
    """A Transcript in LiveKit's terms."""
    return stt.SpeechData(LanguageCode(heard.language), heard.text, confidence=math.exp(heard.log_probability))


def _spoken(kind: stt.SpeechEventType, heard: Transcript, ended: float | None) -> stt.SpeechEvent:
    return stt.SpeechEvent(kind, alternatives=[spoken_data(heard)], speech_end_time=ended)
