"""Piper as a LiveKit plugin: text in, PCM out; the engine behind it is shared by all sessions."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, cast

from livekit.agents import APIConnectOptions, APIError, APIStatusError, APITimeoutError, tts, utils
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS

from appliance.config import VoiceConfig
from appliance.context import Context
from appliance.engine import Bridge, Limits, Streams
from appliance.errors import BundleError, TTSError
from appliance.voice.piper import PiperEngine, SpeechAudio, SpeechRequest, voice_rate_hz

logger = logging.getLogger(__name__)

_DEADLINE_S = 120.0
"""For a whole text. The first clause is there within a tenth of a second; twenty minutes of speech take a minute."""
_PAUSE_S = 0.1
"""Silence that stands for a sentence which this voice cannot say, so that the rest of the reply is spoken."""


def create(section: VoiceConfig, context: Context) -> PiperTTS:
    """The provider `piper`.

    Raises:
        BundleError: code not-found, the bundle has no voice.
        TTSError: codes model-missing, model-unreadable.
    """
    if "voice" not in context.files:
        raise BundleError("the bundle has no voice", code="not-found")
    file = context.files["voice"]

    def build() -> Bridge[SpeechRequest, SpeechAudio]:
        engine = PiperEngine(file, section)
        return Bridge("voice", engine, engine.synthesize, limits=Limits(active=8), error=TTSError)

    return PiperTTS(context.engines.get("voice", build), context, voice_rate_hz(file))


class PiperTTS(tts.TTS[Any]):
    """One session's voice; LiveKit's StreamAdapter hands it one sentence after the other."""

    def __init__(self, bridge: Streams[SpeechRequest, SpeechAudio], context: Context, rate_hz: int) -> None:
        super().__init__(capabilities=tts.TTSCapabilities(streaming=False), sample_rate=rate_hz, num_channels=1)
        self.bridge = bridge
        self.context = context

    @property
    def model(self) -> str:
        file = self.context.files.get("voice")
        return file.stem if file else "piper"

    @property
    def provider(self) -> str:
        return "piper"

    def synthesize(self, text: str, *, conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS) -> PiperStream:
        """Say `text`; closing the stream stops the engine's work on it."""
        return PiperStream(self, text, conn_options)


class PiperStream(tts.ChunkedStream):
    """One text on its way to sound."""

    def __init__(self, owner: PiperTTS, text: str, conn_options: APIConnectOptions) -> None:
        super().__init__(tts=owner, input_text=text, conn_options=conn_options)
        self._owner = owner

    async def _run(self, output_emitter: tts.AudioEmitter) -> None:
        context = self._owner.context
        output_emitter.initialize(
            request_id=utils.shortuuid(),
            sample_rate=self._owner.sample_rate,
            num_channels=1,
            mime_type="audio/pcm",
        )
        call = context.call(_DEADLINE_S)
        stream = self._owner.bridge.stream(SpeechRequest(self._input_text, call.turn), call)
        try:
            async with aclosing(cast("AsyncGenerator[SpeechAudio, None]", stream)) as clauses:
                async for speech in clauses:
                    output_emitter.push(_int16(speech))
        except TTSError as error:
            if error.code != "unspeakable":
                raise _api_error(error) from error
            logger.warning("text that the voice cannot say is left out", extra={"turn": call.turn})
            output_emitter.push(bytes(2 * int(_PAUSE_S * self._owner.sample_rate)))


def _int16(speech: SpeechAudio) -> bytes:
    """Little-endian PCM, as LiveKit takes it."""
    return (speech.pcm * 32767.0).astype("<i2").tobytes()


def _api_error(error: TTSError) -> APIError:
    """An engine's error in LiveKit's terms, the engine's own as its cause."""
    if error.code == "cancelled":  # a barge-in: LiveKit ends a stream quietly on 499, "client closed request"
        return APIStatusError(str(error), status_code=499, retryable=False)
    if error.code == "deadline-exceeded":
        return APITimeoutError(str(error), retryable=False)
    return APIError(str(error), body=error.as_dict(), retryable=error.code == "overloaded")
