"""The voice's plugin over the real bridge: text in, PCM out, errors in LiveKit's terms."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from livekit.agents import APIConnectOptions, APIError, tts

from appliance.config import VoiceConfig
from appliance.context import Context, Engines
from appliance.engine import Bridge, SessionId
from appliance.errors import BundleError, TTSError
from appliance.voice.piper import SpeechAudio, SpeechRequest
from appliance.voice.plugin import PiperTTS, create
from tests.fakes.piper import FakePiper
from tests.models.voice import RATE_HZ, write_voice

ONCE = APIConnectOptions(max_retry=0, timeout=5.0)


@dataclass
class Box:
    """A bridge over a fake, and the context of one session."""

    engines: Engines
    context: Context

    def plugin(self, engine: FakePiper) -> PiperTTS:
        bridge: Bridge[SpeechRequest, SpeechAudio] = self.engines.get(
            "voice", lambda: Bridge("voice", engine, engine.synthesize, error=TTSError)
        )
        return PiperTTS(bridge, self.context, engine.rate_hz)


@pytest.fixture
async def box() -> AsyncIterator[Box]:
    engines = Engines()
    yield Box(engines, Context(engines, {}, cast("Any", None), SessionId("visitor")))
    await engines.close()


async def pcm_of(stream: tts.ChunkedStream) -> np.ndarray:
    async with stream:
        return np.concatenate([np.frombuffer(event.frame.data, np.int16) async for event in stream])


async def test_text_becomes_pcm_of_the_voice_s_rate(box: Box) -> None:
    engine = FakePiper()
    voice = box.plugin(engine)
    async with voice.synthesize("Hello there.", conn_options=ONCE) as stream:
        frames = [event.frame async for event in stream]
    assert {frame.sample_rate for frame in frames} == {voice.sample_rate} == {22_050}
    assert {frame.num_channels for frame in frames} == {1}
    assert sum(frame.samples_per_channel for frame in frames) == 10 * 2205  # ten letters
    pcm = np.concatenate([np.frombuffer(frame.data, np.int16) for frame in frames])
    assert np.abs(pcm).max() == pytest.approx(0.3 * 32767, rel=0.01)
    assert engine.said == ["Hello there."]


async def test_what_cannot_be_said_is_a_short_silence(box: Box, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "appliance.voice.plugin"):
        pcm = await pcm_of(box.plugin(FakePiper()).synthesize("你好", conn_options=ONCE))
    assert len(pcm) == 2205
    assert not pcm.any()
    assert "你好" not in caplog.text
    assert "left out" in caplog.text


async def test_one_unspeakable_sentence_does_not_end_the_reply(box: Box) -> None:
    engine = FakePiper()
    adapter = tts.StreamAdapter(tts=box.plugin(engine))
    async with adapter.stream(conn_options=ONCE) as stream:
        stream.push_text("This is the first sentence. ")
        stream.push_text("你好你好你好你好你好你好你好你好。\n\n")
        stream.push_text("And this is the last sentence.")
        stream.end_input()
        total_s = sum([event.frame.duration async for event in stream])
    assert engine.said[0] == "This is the first sentence."
    assert engine.said[-1] == "And this is the last sentence."
    assert total_s > 4.0
    await adapter.aclose()


@pytest.mark.parametrize(("code", "retryable"), [("inference-failed", False), ("overloaded", True)])
async def test_errors_keep_their_cause(box: Box, code: str, retryable: bool) -> None:
    engine = FakePiper(error=TTSError("no", code=code))
    with pytest.raises(APIError) as failed:
        await pcm_of(box.plugin(engine).synthesize("One sentence. Another sentence.", conn_options=ONCE))
    causes = [failed.value, failed.value.__cause__, getattr(failed.value.__cause__, "__cause__", None)]
    assert any(isinstance(cause, TTSError) and cause.code == code for cause in causes)
    mapped = [cause for cause in causes if isinstance(cause, APIError)]
    assert any(cause.retryable is retryable for cause in mapped)


async def test_a_stream_that_is_closed_stops_the_engine(box: Box) -> None:
    engine = FakePiper(letter_s=0.3)
    voice = box.plugin(engine)
    text = " ".join(["This sentence is one of very many."] * 400)
    stream = voice.synthesize(text, conn_options=ONCE)
    await stream.__anext__()
    await stream.aclose()
    for _ in range(200):
        if engine.cancelled:
            break
        await asyncio.sleep(0.01)  # the engine's thread ends the request, not this loop
    assert engine.cancelled == 1
    assert len(engine.said) < 400


async def test_a_barge_in_ends_what_is_being_said_quietly(box: Box) -> None:
    engine = FakePiper(letter_s=0.3)
    voice = box.plugin(engine)
    told: list[tts.TTSError] = []
    voice.on("error", told.append)
    stream = voice.synthesize(" ".join(["This sentence is one of very many."] * 400), conn_options=ONCE)
    await stream.__anext__()
    box.engines.cancel(SessionId("visitor"), before=box.context.turn.raise_())
    async for _ in stream:
        pass
    await stream.aclose()
    assert len(engine.said) < 400
    assert told == []  # three of these would end the session


async def test_the_provider_reads_the_rate_and_shares_the_engine(tmp_path: Path) -> None:
    engines = Engines()
    context = Context(engines, {"voice": write_voice(tmp_path)}, cast("Any", None))
    first, second = create(VoiceConfig(), context), create(VoiceConfig(), context)
    assert first.sample_rate == RATE_HZ
    assert first.model == "voice"
    assert first.bridge is second.bridge
    await engines.ready(30.0)
    assert (await pcm_of(first.synthesize("Hello.", conn_options=ONCE))).any()
    await engines.close()


def test_a_bundle_without_a_voice_is_named() -> None:
    with pytest.raises(BundleError, match="voice") as refused:
        create(VoiceConfig(), Context(Engines(), {}, cast("Any", None)))
    assert refused.value.code == "not-found"
