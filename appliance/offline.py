"""The whole chain without a network: a recording or a text in, the answer as a film out.

It uses the same plugins that a session does, one after the other, and measures each.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from livekit import rtc
from livekit.agents import llm as llms
from livekit.agents.types import APIConnectOptions

from appliance.clock import monotonic
from appliance.config import Config
from appliance.context import Context
from appliance.errors import EngineError, MediaError
from appliance.phoneme import Phoneme, carried
from appliance.providers import ProviderFactory
from appliance.stage.recording import FilmWriter

RATE_HZ = 24_000
_TAIL_FRAMES = 10
"""Silent frames after the last word, in which the mouth closes."""
_ONCE = APIConnectOptions(max_retry=0, timeout=60.0)


@dataclass(frozen=True, slots=True)
class Film:
    """What was written, in the words of `--json`."""

    heard: str
    """Words of the recording; empty for `say`."""
    reply: str
    """What the avatar says."""
    timings_ms: dict[str, float]
    """stt, llm_first_token, tts_first_audio and face_first_frame: each since its input came; total: the film."""
    video: dict[str, int]
    """width and height in pixels, fps, frames."""
    audio_s: float
    """Seconds of sound."""


class Chain:
    """Ears, mind, voice and face of one offline conversation."""

    def __init__(self, config: Config, context: Context, progress: Callable[[str], None]) -> None:
        """
        Args:
            progress: told in a few words what is being done.
        """
        self._config = config
        self._progress = progress
        factory = ProviderFactory(context)
        self._stt = factory.create_stt(config.ears)
        self._llm = factory.create_llm(config.mind)
        self._tts = factory.create_tts(config.voice)
        self._face = factory.create_avatar(config.face)
        self._instructions = context.persona.instructions

    async def aclose(self) -> None:
        await self._face.aclose()
        await asyncio.gather(self._stt.aclose(), self._llm.aclose(), self._tts.aclose())

    async def talk(self, question: npt.NDArray[np.int16], rate_hz: int, out: Path) -> Film:
        """Hear (n,) int16 speech, answer it and write the film.

        Raises:
            MediaError: code no-speech, nothing was said in the recording.
            EngineError: a stage failed.
        """
        started_s = monotonic()
        self._progress("listening")
        heard = await self._hear(question, rate_hz)
        timings = {"stt": _ms(started_s)}
        self._progress("thinking")
        thinking_s = monotonic()
        reply = ""
        async for text in self._think(heard):
            if not reply:
                timings["llm_first_token"] = _ms(thinking_s)
            reply += text
        film = await self._film(reply, out, timings)
        timings["total"] = _ms(started_s)
        return Film(heard, reply, timings, film.video, film.audio_s)

    async def say(self, text: str, out: Path) -> Film:
        """Speak `text` and write the film."""
        started_s = monotonic()
        timings: dict[str, float] = {}
        film = await self._film(text, out, timings)
        timings["total"] = _ms(started_s)
        return film

    async def _hear(self, question: npt.NDArray[np.int16], rate_hz: int) -> str:
        frame = rtc.AudioFrame(question.tobytes(), rate_hz, 1, len(question))
        event = await self._stt.recognize(frame, conn_options=_ONCE)
        heard = event.alternatives[0].text.strip() if event.alternatives else ""
        if not heard:
            raise MediaError("no speech was heard in the recording", code="no-speech", hint="speak louder or closer")
        return heard

    async def _think(self, heard: str) -> AsyncIterator[str]:
        context = llms.ChatContext.empty()
        context.add_message(role="system", content=self._instructions)
        context.add_message(role="user", content=heard)
        async with self._llm.chat(chat_ctx=context, conn_options=_ONCE) as stream:
            async for chunk in stream:
                if chunk.delta is not None and chunk.delta.content:
                    yield chunk.delta.content

    async def _film(self, text: str, out: Path, timings: dict[str, float]) -> Film:
        """Voice and face are made at once, as in a session; pictures are written when both are there."""
        self._progress("speaking")
        fps = self._config.face.fps
        n_chunk = RATE_HZ // fps
        speech, phonemes = await self._speak(text, timings)
        drawing_s = monotonic()
        self._face.push(0, speech, RATE_HZ, phonemes)
        self._face.flush(0)
        n_frames = -(-len(speech) // n_chunk)
        padded = np.zeros((n_frames + _TAIL_FRAMES) * n_chunk, np.int16)
        padded[: len(speech)] = speech
        with FilmWriter(out, size=self._face.size, fps=fps, rate_hz=RATE_HZ) as film:
            for index in range(n_frames + _TAIL_FRAMES):
                if index < n_frames:
                    await self._face.wait(0, index)
                    timings.setdefault("face_first_frame", _ms(drawing_s))
                picture = self._face.frame((0, index) if index < n_frames else None)
                film.add(picture, padded[index * n_chunk : (index + 1) * n_chunk])
                if index % fps == 0:
                    self._progress(f"drawing {index / (n_frames + _TAIL_FRAMES):.0%}")
            width, height = self._face.size
            video = {"width": width, "height": height, "fps": fps, "frames": film.frames}
            return Film("", text, timings, video, round(film.samples / RATE_HZ, 3))

    async def _speak(self, text: str, timings: dict[str, float]) -> tuple[npt.NDArray[np.int16], list[Phoneme]]:
        started_s = monotonic()
        resampler: rtc.AudioResampler | None = None
        pieces: list[rtc.AudioFrame] = []
        phonemes: list[Phoneme] = []
        async with self._tts.synthesize(text, conn_options=_ONCE) as stream:
            async for event in stream:
                timings.setdefault("tts_first_audio", _ms(started_s))
                resampler = resampler or rtc.AudioResampler(event.frame.sample_rate, RATE_HZ)
                pieces += resampler.push(event.frame)
                phonemes += carried(event.frame)
        if resampler is None:
            raise EngineError("the voice made no sound", code="unspeakable")
        pieces += resampler.flush()
        return np.concatenate([np.frombuffer(piece.data, np.int16) for piece in pieces]), phonemes


def _ms(since_s: float) -> float:
    return round((monotonic() - since_s) * 1000, 1)
