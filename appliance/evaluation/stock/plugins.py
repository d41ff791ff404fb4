"""Ears, mind and voice as a newcomer would wire them up: the libraries' ordinary calls, in a worker thread each."""

from __future__ import annotations

import asyncio
import io
import threading
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar, cast

from faster_whisper import WhisperModel
from livekit import rtc
from livekit.agents import APIConnectOptions, LanguageCode, llm, stt, tts, utils
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS, NOT_GIVEN, NotGivenOr
from llama_cpp import Llama
from piper import PiperVoice

ItemT = TypeVar("ItemT")


class StockSTT(stt.STT[Any]):
    """faster-whisper's `transcribe()`; the session wraps it in LiveKit's own StreamAdapter."""

    def __init__(self, folder: Path) -> None:
        super().__init__(capabilities=stt.STTCapabilities(streaming=False, interim_results=False))
        self._model = WhisperModel(str(folder), device="cpu", compute_type="int8")

    async def _recognize_impl(
        self, buffer: utils.AudioBuffer, *, language: NotGivenOr[str] = NOT_GIVEN, conn_options: APIConnectOptions
    ) -> stt.SpeechEvent:
        wav = rtc.combine_audio_frames(buffer).to_wav_bytes()
        text = await asyncio.to_thread(self._transcribe, wav)
        data = stt.SpeechData(language=LanguageCode("en"), text=text)
        return stt.SpeechEvent(type=stt.SpeechEventType.FINAL_TRANSCRIPT, alternatives=[data])

    def _transcribe(self, wav: bytes) -> str:
        # Greedy is the faster of the two ordinary ways.
        segments, _ = self._model.transcribe(io.BytesIO(wav), language="en", beam_size=1)
        return " ".join(segment.text.strip() for segment in segments)


class StockLLM(llm.LLM[Any]):
    """llama-cpp-python's `create_chat_completion(stream=True)` behind a lock: the class holds one conversation."""

    def __init__(self, gguf: Path, *, reply_tokens: int) -> None:
        super().__init__()
        self.reply_tokens = reply_tokens
        self.lock = threading.Lock()
        # Its default context of 512 tokens is below the instructions and a few turns: that would be no comparison.
        self.llama = Llama(str(gguf), n_ctx=2048, verbose=False)

    def chat(
        self,
        *,
        chat_ctx: llm.ChatContext,
        tools: list[llm.Tool] | None = None,
        conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS,
        parallel_tool_calls: NotGivenOr[bool] = NOT_GIVEN,
        tool_choice: NotGivenOr[llm.ToolChoice] = NOT_GIVEN,
        extra_kwargs: NotGivenOr[dict[str, Any]] = NOT_GIVEN,
    ) -> llm.LLMStream:
        return _StockLLMStream(self, chat_ctx=chat_ctx, tools=tools or [], conn_options=conn_options)


class _StockLLMStream(llm.LLMStream):
    async def _run(self) -> None:
        stock = cast("StockLLM", self._llm)
        messages, _ = self._chat_ctx.to_provider_format("openai")
        name = uuid.uuid4().hex

        def tokens() -> Iterator[str]:
            with stock.lock:
                answer = stock.llama.create_chat_completion(
                    cast("Any", messages), stream=True, max_tokens=stock.reply_tokens
                )
                for part in cast("Iterator[Any]", answer):
                    yield part["choices"][0]["delta"].get("content") or ""

        def send(text: str) -> None:
            delta = llm.ChoiceDelta(role="assistant", content=text)
            self._event_ch.send_nowait(llm.ChatChunk(id=name, delta=delta))

        await _in_thread(tokens, send)


class StockTTS(tts.TTS[Any]):
    """Piper's `synthesize()`; the session wraps it in LiveKit's own sentence-wise StreamAdapter."""

    def __init__(self, onnx: Path) -> None:
        self.voice = PiperVoice.load(onnx)
        super().__init__(
            capabilities=tts.TTSCapabilities(streaming=False),
            sample_rate=self.voice.config.sample_rate,
            num_channels=1,
        )

    def synthesize(
        self, text: str, *, conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS
    ) -> tts.ChunkedStream:
        return _StockSpeech(tts=self, input_text=text, conn_options=conn_options)


class _StockSpeech(tts.ChunkedStream):
    async def _run(self, output_emitter: tts.AudioEmitter) -> None:
        stock = cast("StockTTS", self._tts)
        output_emitter.initialize(
            request_id=uuid.uuid4().hex, sample_rate=stock.sample_rate, num_channels=1, mime_type="audio/pcm"
        )
        await _in_thread(
            lambda: (chunk.audio_int16_bytes for chunk in stock.voice.synthesize(self._input_text)), output_emitter.push
        )
        output_emitter.flush()


async def _in_thread(make: Callable[[], Iterator[ItemT]], take: Callable[[ItemT], None]) -> None:
    """Step a blocking generator in a worker thread, `take` its items on the loop; cancelling stops it at the next."""
    loop = asyncio.get_running_loop()
    stopped = threading.Event()

    def step() -> None:
        for item in make():
            if stopped.is_set():
                return
            loop.call_soon_threadsafe(take, item)

    try:
        await asyncio.to_thread(step)
    finally:
        stopped.set()
