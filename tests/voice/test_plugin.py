"""The voice's plugin over the real bridge: text in, PCM out, errors in LiveKit's terms."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from livekit import rtc
from livekit.agents import APIConnectOptions, APIError, tts
from livekit.agents.types import USERDATA_TIMED_TRANSCRIPT, TimedString

from appliance.config import VoiceConfig
from appliance.context import Context, Engines
from appliance.engine import Bridge, SessionId, TurnId
from appliance.errors import BundleError, TTSError
from appliance.personas.persona import load
from appliance.phoneme import Phoneme, as_heard, carried
from appliance.voice.cutting import pieces
from appliance.voice.plugin import PiperTTS, create, prepare_speech
from appliance.voice.prepared import Prepared
from appliance.voice.speech import SpeechAudio, SpeechRequest, pcm16
from tests.fakes.piper import FakePiper
from tests.models.vits import write_vits
from tests.models.voice import RATE_HZ, write_voice

ONCE = APIConnectOptions(max_retry=0, timeout=5.0)


@dataclass
class Box:
    """A bridge over a fake, and the context of one session."""

    engines: Engines
    context: Context

    def plugin(self, engine: FakePiper, prepared: Prepared | None = None) -> PiperTTS:
        bridge: Bridge[SpeechRequest, SpeechAudio] = self.engines.get(
            "voice", lambda: Bridge("voice", engine, engine.synthesize, error=TTSError)
        )
        return PiperTTS(bridge, self.context, engine.rate_hz, prepared)


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


async def reply(voice: PiperTTS, *written: str) -> tuple[list[rtc.AudioFrame], list[TimedString]]:
    """Say a reply that is written in these parts: its sound and its words."""
    async with voice.stream(conn_options=ONCE) as stream:
        for text in written:
            stream.push_text(text)
        stream.end_input()
        frames = [event.frame async for event in stream]
    return frames, [word for frame in frames for word in frame.userdata.get(USERDATA_TIMED_TRANSCRIPT, [])]


async def test_one_unspeakable_sentence_does_not_end_the_reply(box: Box) -> None:
    engine = FakePiper()
    written = (
        "This is the first sentence. ",
        "你好你好 你好你好。\n\n",
        "And this is the last sentence.",
    )
    frames, words = await reply(box.plugin(engine), *written)
    assert engine.said == ["This is the first sentence.", "And this is the last sentence."]
    assert sum(frame.duration for frame in frames) == pytest.approx((22 + 24) * 0.1 + 0.1, abs=0.02)
    assert "".join(words) == "".join(written)


async def test_a_reply_is_said_while_it_is_written(box: Box) -> None:
    engine = FakePiper()
    voice = box.plugin(engine)
    async with voice.stream(conn_options=ONCE) as stream:
        for token in ["Please", " take a", " seat in the", " waiting room, some", "one will"]:
            stream.push_text(token)
        first = await anext(stream)
        assert first.frame.duration > 0
        assert engine.said == ["Please take a seat in the waiting room,"]
        stream.push_text(" come.")
        stream.end_input()
        async for _ in stream:
            pass
    assert engine.said[1:] == ["someone will come."]


async def test_words_come_with_their_times_and_before_their_sound(box: Box) -> None:
    text = "Hello there. How are you?"
    frames, words = await reply(box.plugin(FakePiper()), *text)  # letter by letter
    assert "".join(words) == text
    assert [word.start_time for word in words] == pytest.approx([0.0, 0.5, 1.0, 1.3, 1.6], abs=1e-6)
    assert [word.end_time for word in words] == pytest.approx([0.5, 1.0, 1.3, 1.6, 1.9], abs=1e-6)
    heard_s = 0.0
    for frame in frames:
        for word in frame.userdata.get(USERDATA_TIMED_TRANSCRIPT, []):
            assert cast("float", word.start_time) >= heard_s - 1e-6
        heard_s += frame.duration


async def test_phonemes_come_once_with_the_clause_that_they_are_of(box: Box) -> None:
    frames, _ = await reply(box.plugin(FakePiper()), "Hello there. ", "How are you?")
    phonemes, heard_s = list[Phoneme](), 0.0
    for frame in frames:
        phonemes += carried(frame)
        heard_s += frame.duration
        assert phonemes[-1].end_s >= heard_s - 0.1 - 0.02, "no sound without its phonemes"
    assert "".join(phoneme.symbol for phoneme in phonemes) == "hellotherehowareyou"
    told = [Phoneme(symbol, at / 10, (at + 1) / 10) for at, symbol in enumerate("hellotherehowareyou")]
    wanted = [phoneme.start_s for clause in (told[:10], told[10:]) for phoneme in as_heard(clause)]
    assert [phoneme.start_s for phoneme in phonemes] == pytest.approx(wanted, abs=1e-3)


@pytest.mark.parametrize("written", [(), ("",), (" \n",), ("...",), ("🙂",)])
async def test_a_reply_without_a_word_ends(box: Box, written: tuple[str, ...]) -> None:
    frames, words = await reply(box.plugin(FakePiper()), *written)
    assert sum(frame.duration for frame in frames) < 0.2
    assert "".join(words).strip() == "".join(written).strip()


async def test_what_is_prepared_is_said_without_the_engine(box: Box) -> None:
    engine, prepared = FakePiper(), Prepared()
    engine.load()
    live = engine.synthesize(SpeechRequest("Hello there.", TurnId(0), begun=True))
    chunks = [chunk for chunk in live if chunk is not None]
    prepared.add("Hello there.", chunks)
    engine.said.clear()
    frames, words = await reply(box.plugin(engine, prepared), "Hello there. ", " How are you? ")
    assert engine.said == ["How are you?"]
    assert "".join(words) == "Hello there.  How are you? "
    assert words[2].start_time == pytest.approx(1.0, abs=1e-6)
    heard = np.concatenate([np.frombuffer(frame.data, np.int16) for frame in frames])
    spoken = np.concatenate([pcm16(chunk.pcm) for chunk in chunks])
    assert np.array_equal(heard[: len(spoken)], spoken)


async def test_a_barge_in_ends_a_reply_that_is_still_written(box: Box) -> None:
    engine = FakePiper(letter_s=0.3, clause_s=0.02)
    voice = box.plugin(engine)
    told: list[tts.TTSError] = []
    voice.on("error", told.append)
    async with voice.stream(conn_options=ONCE) as stream:
        stream.push_text(" ".join(["This sentence is one of very many."] * 100))
        await anext(stream)
        box.engines.cancel(SessionId("visitor"), before=box.context.turn.raise_())
        async for _ in stream:
            pass
    assert len(engine.said) < 100
    assert told == []


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
    engine = FakePiper(letter_s=0.3, clause_s=0.02)
    voice = box.plugin(engine)
    text = " ".join(["This sentence is one of very many."] * 400)
    stream = voice.synthesize(text, conn_options=ONCE)
    await stream.__anext__()
    await stream.aclose()
    said = len(engine.said)
    await asyncio.sleep(0.05)  # the engine's thread would say the next one
    assert len(engine.said) <= said + 1 < 400


async def test_a_barge_in_ends_what_is_being_said_quietly(box: Box) -> None:
    engine = FakePiper(letter_s=0.3, clause_s=0.02)
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


async def test_what_the_persona_says_is_prepared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APPLIANCE_HOME", str(tmp_path / "home"))
    engines, clinic = Engines(), load("clinic")
    persona = replace(clinic, entries=clinic.entries[:2])
    voice = create(VoiceConfig(), Context(engines, {"voice": write_voice(tmp_path)}, persona))
    await engines.ready(30.0)
    await prepare_speech(engines, persona, lambda: False)
    for text in (persona.greeting, persona.trouble, *persona.unknown, *(entry.answer for entry in persona.entries)):
        for piece in pieces(text):
            assert voice.prepared.find(piece, TurnId(0)), piece
    assert list((tmp_path / "home" / "speech").glob("*.speech"))
    await engines.close()


async def test_nothing_is_prepared_for_another_voice(box: Box) -> None:
    engine = FakePiper()
    box.plugin(engine)
    await prepare_speech(box.engines, load("clinic"), lambda: False)
    assert engine.said == []


async def test_what_is_prepared_is_what_would_be_said_live(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two engines whose noise has the same seed: one says it, the other has it said beforehand."""
    monkeypatch.setenv("APPLIANCE_HOME", str(tmp_path / "home"))
    text = "Please take a seat in the waiting room, someone will be with you shortly. Thank you."
    persona = replace(load("clinic"), greeting=text, trouble=text, unknown=(), entries=())
    files, heard = {"voice": write_vits(tmp_path)}, []
    for beforehand in (False, True):
        engines = Engines()
        voice = create(VoiceConfig(), Context(engines, files, persona))
        await engines.ready(30.0)
        if beforehand:
            await prepare_speech(engines, persona, lambda: False)
        assert len(voice.prepared) == (3 if beforehand else 0)
        frames, words = await reply(voice, text)
        heard.append((b"".join(bytes(frame.data) for frame in frames), [(w, w.start_time, w.end_time) for w in words]))
        await engines.close()
    (live, live_words), (kept, kept_words) = heard
    assert live == kept
    assert [word for word, *_ in live_words] == [word for word, *_ in kept_words]
    for (_, *ours), (_, *theirs) in zip(live_words, kept_words, strict=True):
        assert ours == pytest.approx(theirs, abs=1e-6)
