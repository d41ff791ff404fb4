"""Piper as a LiveKit plugin: a reply comes in as it is written, PCM and the times of its words go out.

The engine behind it is shared by all sessions. What was prepared is played at once, without the engine.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from livekit.agents import APIConnectOptions, APIError, APIStatusError, APITimeoutError, tts, utils
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS

from appliance.config import VoiceConfig
from appliance.context import NOBODY, Context, Engines
from appliance.engine import Bridge, Call, Limits, Streams
from appliance.errors import BundleError, TTSError
from appliance.personas.persona import Persona
from appliance.phoneme import Phoneme, SpokenWord, as_heard
from appliance.voice.cutting import Cutter
from appliance.voice.piper import PiperEngine, voice_rate_hz
from appliance.voice.prepared import Preparation, Prepared, prepare
from appliance.voice.speech import SpeechAudio, SpeechRequest, pcm16

logger = logging.getLogger(__name__)

_DEADLINE_S = 15.0
"""For one piece of a reply, at most 24 words; its first sound is there within a tenth of a second."""
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
    bridge = _bridge(file, section, context)
    return PiperTTS(bridge, context, voice_rate_hz(file), cast("PiperEngine", bridge.engine).prepared)


def _bridge(file: Path, section: VoiceConfig, context: Context) -> Bridge[SpeechRequest, SpeechAudio]:
    def build() -> Bridge[SpeechRequest, SpeechAudio]:
        engine = PiperEngine(file, section)
        return Bridge("voice", engine, engine.synthesize, limits=Limits(active=16), error=TTSError)

    return context.engines.get("voice", build)


async def prepare_speech(engines: Engines, persona: Persona, busy: Callable[[], bool]) -> None:
    """Have ready what the persona is known to say, where Piper is its voice; runs until all is there.

    Args:
        busy: whether a visitor is there; nothing is made meanwhile.
    """
    bridge = engines.bridges.get("voice")
    if bridge is None or not isinstance(bridge.engine, PiperEngine):
        return
    engine = bridge.engine

    def speak(request: SpeechRequest) -> AsyncIterator[SpeechAudio]:
        return bridge.stream(request, Call(NOBODY, request.turn, _DEADLINE_S))

    texts = (persona.greeting, persona.trouble, *persona.unknown, *(entry.answer for entry in persona.entries))
    try:
        identity = await asyncio.to_thread(engine.identity)
        await prepare(texts, Preparation(engine.prepared, identity, speak, busy))
    except Exception:
        logger.exception("speech could not be prepared: it is made when it is said")


class PiperTTS(tts.TTS[Any]):
    """One session's voice."""

    def __init__(
        self,
        bridge: Streams[SpeechRequest, SpeechAudio],
        context: Context,
        rate_hz: int,
        prepared: Prepared | None = None,
    ) -> None:
        """
        Args:
            prepared: what need not be made.
        """
        super().__init__(
            capabilities=tts.TTSCapabilities(streaming=True, aligned_transcript=True),
            sample_rate=rate_hz,
            num_channels=1,
        )
        self.bridge = bridge
        self.context = context
        self.prepared = Prepared() if prepared is None else prepared

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

    def stream(self, *, conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS) -> PiperReply:
        """Say a reply while it is being written; closing the stream stops the engine's work on it."""
        return PiperReply(tts=self, conn_options=conn_options)


class PiperStream(tts.ChunkedStream):
    """One text on its way to sound."""

    def __init__(self, owner: PiperTTS, text: str, conn_options: APIConnectOptions) -> None:
        super().__init__(tts=owner, input_text=text, conn_options=conn_options)
        self._owner = owner

    async def _run(self, output_emitter: tts.AudioEmitter) -> None:
        _initialize(output_emitter, self._owner, streaming=False)
        speaker = _Speaker(self._owner, output_emitter)
        cutter = Cutter()
        for piece in cutter.push(self._input_text) + cutter.flush():
            await speaker.say(piece)
        speaker.end()


class PiperReply(tts.SynthesizeStream):
    """A reply on its way to sound, piece by piece."""

    async def _run(self, output_emitter: tts.AudioEmitter) -> None:
        owner = cast("PiperTTS", self._tts)
        _initialize(output_emitter, owner, streaming=True)
        output_emitter.start_segment(segment_id=utils.shortuuid())
        speaker = _Speaker(owner, output_emitter)
        async for piece in _pieces(self._input_ch):
            self._mark_started()
            await speaker.say(piece)
        speaker.end()


@dataclass(slots=True)
class _Speaker:
    """Says one piece after the other into an emitter."""

    owner: PiperTTS
    emitter: tts.AudioEmitter
    n_samples: int = 0
    """Said so far, silence included."""
    waiting: str = ""
    """Text without a sound, which goes with the next words."""

    async def say(self, piece: str) -> None:
        """Say it; what this voice cannot say is a short silence."""
        if not any(character.isalnum() for character in piece):
            self.waiting += piece
            return
        call = self.owner.context.call(_DEADLINE_S)
        ready = self.owner.prepared.find(piece, call.turn)
        if ready is not None:
            self._push(ready)
            return
        stream = self.owner.bridge.stream(SpeechRequest(piece, call.turn, begun=True), call)
        try:
            async with aclosing(cast("AsyncGenerator[SpeechAudio, None]", stream)) as chunks:
                async for speech in chunks:
                    self._push(speech)
        except TTSError as error:
            if error.code != "unspeakable":
                raise _api_error(error) from error
            logger.warning("text that the voice cannot say is left out", extra={"turn": call.turn})
            self.waiting += piece
            self._pause()

    def end(self) -> None:
        """The reply is over: hand on what has no sound; a reply of nothing else is a short silence."""
        if self.waiting:
            if not self.n_samples:
                self._pause()
            self._time("", self._now_s, self._now_s)

    @property
    def _now_s(self) -> float:
        return self.n_samples / self.owner.sample_rate

    def _push(self, speech: SpeechAudio) -> None:
        began_s = self._now_s
        phonemes = tuple(phoneme.later(began_s) for phoneme in as_heard(speech.phonemes))
        for word in speech.words:
            self._time(word.text, began_s + word.start_s, began_s + word.end_s, phonemes)
            phonemes = ()
        if phonemes:  # a clause of a word that began in the one before it
            self._time("", began_s, began_s, phonemes)
        if len(speech.pcm):
            self.emitter.push(pcm16(speech.pcm).astype("<i2").tobytes())
            self.n_samples += len(speech.pcm)

    def _time(self, text: str, start_s: float, end_s: float, phonemes: tuple[Phoneme, ...] = ()) -> None:
        self.emitter.push_timed_transcript(SpokenWord(self.waiting + text, start_s, end_s, phonemes))
        self.waiting = ""

    def _pause(self) -> None:
        n = int(_PAUSE_S * self.owner.sample_rate)
        self.emitter.push(bytes(2 * n))
        self.n_samples += n


def _initialize(emitter: tts.AudioEmitter, owner: PiperTTS, *, streaming: bool) -> None:
    emitter.initialize(
        request_id=utils.shortuuid(),
        sample_rate=owner.sample_rate,
        num_channels=1,
        mime_type="audio/pcm",
        stream=streaming,
    )


async def _pieces(written: AsyncIterable[Any]) -> AsyncIterator[str]:
    """What a reply is cut into; a flush, which is no text, ends a piece too."""
    cutter = Cutter()
    async for text in written:
        for piece in cutter.push(text) if isinstance(text, str) else cutter.flush():
            yield piece
    for piece in cutter.flush():
        yield piece


def _api_error(error: TTSError) -> APIError:
    """An engine's error in LiveKit's terms, the engine's own as its cause."""
    if error.code == "cancelled":  # a barge-in: LiveKit ends a stream quietly on 499, "client closed request"
        return APIStatusError(str(error), status_code=499, retryable=False)
    if error.code == "deadline-exceeded":
        return APITimeoutError(str(error), retryable=False)
    return APIError(str(error), body=error.as_dict(), retryable=error.code == "overloaded")
