"""The ears' plugin over the real bridge: frames in, events out, errors in LiveKit's terms."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from livekit import rtc
from livekit.agents import APIConnectOptions, APIError, APITimeoutError, stt

from appliance.config import EarsConfig
from appliance.context import Context, Engines
from appliance.ears import plugin
from appliance.ears.plugin import WhisperSTT, create, samples
from appliance.ears.whisper import Transcript, Utterance, WhisperEngine
from appliance.engine import Bridge, SessionId
from appliance.errors import BundleError, MediaError, STTError
from tests.fakes.whisper import FakeWhisper

ONCE = APIConnectOptions(max_retry=0, timeout=5.0)


@dataclass
class Box:
    """A bridge over a fake, and the context of one session."""

    engine: FakeWhisper
    engines: Engines
    context: Context

    def bridge(self) -> Bridge[Utterance, Transcript]:
        engine = self.engine
        return self.engines.get("ears", lambda: Bridge("ears", engine, engine.transcribe, error=STTError))

    def plugin(self, section: EarsConfig | None = None) -> WhisperSTT:
        return WhisperSTT(self.bridge(), self.context, section or EarsConfig())


@pytest.fixture
async def box() -> AsyncIterator[Box]:
    engines = Engines()
    context = Context(engines, {}, cast("Any", None), SessionId("visitor"))
    yield Box(FakeWhisper(), engines, context)
    await engines.close()


def frame(seconds: float, rate_hz: int = 16_000, channels: int = 1, level: int = 5000) -> rtc.AudioFrame:
    n = int(seconds * rate_hz)
    return rtc.AudioFrame(np.full((n, channels), level, np.int16).tobytes(), rate_hz, channels, n)


async def test_frames_become_one_final_transcript(box: Box) -> None:
    box.engine.script = ["what time is it"]
    event = await box.plugin().recognize([frame(0.5), frame(0.5)], conn_options=ONCE)
    assert event.type is stt.SpeechEventType.FINAL_TRANSCRIPT
    assert event.alternatives[0].text == "what time is it"
    assert event.alternatives[0].language == "en"
    assert event.alternatives[0].confidence == pytest.approx(0.905, abs=0.001)  # e^-0.1
    assert len(box.engine.heard[0].pcm) == 16_000


async def test_silence_is_an_empty_transcript(box: Box) -> None:
    event = await box.plugin().recognize(frame(1.0, level=0), conn_options=ONCE)
    assert event.alternatives[0].text == ""


@pytest.mark.parametrize(("rate_hz", "channels"), [(48_000, 2), (44_100, 1), (24_000, 1), (8_000, 2)])
def test_any_rate_and_channel_count_becomes_16_khz_mono(rate_hz: int, channels: int) -> None:
    t = np.arange(rate_hz) / rate_hz
    tone = (12_000 * np.sin(2 * np.pi * 440 * t)).astype(np.int16)
    data = np.repeat(tone[:, None], channels, axis=1)
    pcm = samples(rtc.AudioFrame(data.tobytes(), rate_hz, channels, rate_hz))
    assert pcm.dtype == np.float32
    assert abs(len(pcm) - 16_000) <= 160
    middle = pcm[2000:14000]
    assert np.sqrt(np.square(middle).mean()) == pytest.approx(12_000 / 32768 / np.sqrt(2), rel=0.05)
    assert np.argmax(np.abs(np.fft.rfft(middle))) * 16_000 / len(middle) == pytest.approx(440, abs=2)


async def test_a_two_hour_recording_is_refused_before_the_engine_sees_it(box: Box) -> None:
    with pytest.raises(MediaError, match="120 s") as refused:
        await box.plugin().hear(np.broadcast_to(np.float32(0.1), 7200 * 16_000))
    assert refused.value.code == "too-long"
    assert box.engine.heard == []


@pytest.mark.parametrize(
    ("code", "kind", "retryable"),
    [
        ("inference-failed", APIError, False),
        ("out-of-memory", APIError, False),
        ("overloaded", APIError, True),
        ("deadline-exceeded", APITimeoutError, True),
    ],
)
async def test_errors_keep_their_cause(box: Box, code: str, kind: type[APIError], retryable: bool) -> None:
    box.engine.script = [STTError("no", code=code)]
    with pytest.raises(kind) as failed:
        await box.plugin().hear(np.ones(16_000, np.float32))
    assert failed.value.retryable is retryable
    assert isinstance(failed.value.__cause__, STTError)
    assert failed.value.__cause__.code == code


async def test_speech_that_goes_on_does_not_lose_what_was_said(box: Box) -> None:
    box.engine.script = [STTError("the turn is over", code="cancelled"), "I would like a coffee"]
    heard = await box.plugin().hear(np.ones(16_000, np.float32))
    assert heard.text == "I would like a coffee"


async def test_a_turn_cancelled_again_and_again_gives_up(box: Box) -> None:
    box.engine.script = [STTError("the turn is over", code="cancelled")]
    with pytest.raises(APIError):
        await box.plugin().hear(np.ones(16_000, np.float32))
    assert len(box.engine.heard) == 3


async def test_without_a_pause_the_session_s_detector_drives_it(box: Box) -> None:
    assert box.plugin().capabilities.streaming
    assert not box.plugin(EarsConfig(pause_ms=0)).capabilities.streaming


async def test_sessions_share_one_engine(box: Box, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[Path] = []

    class Counted(FakeWhisper):
        def __init__(self, folder: Path, section: EarsConfig) -> None:
            super().__init__()
            built.append(folder)

    monkeypatch.setattr(plugin, "WhisperEngine", Counted)
    context = Context(box.engines, {"ears": tmp_path}, cast("Any", None))
    first, second = create(EarsConfig(), context), create(EarsConfig(), context)
    assert built == [tmp_path]
    assert first.model == tmp_path.name
    assert first._bridge is second._bridge


def test_a_bundle_without_ears_is_named() -> None:
    with pytest.raises(BundleError, match="hears") as refused:
        create(EarsConfig(), Context(Engines(), {}, cast("Any", None)))
    assert refused.value.code == "not-found"


async def test_a_missing_model_fails_the_engine_with_its_name(tmp_path: Path) -> None:
    engine = WhisperEngine(tmp_path, EarsConfig())
    bridge: Bridge[Utterance, Transcript] = Bridge("ears", engine, engine.transcribe, error=STTError)
    bridge.start()
    with pytest.raises(STTError, match=r"model\.bin") as failed:
        await bridge.ready(5.0)
    assert failed.value.code == "model-missing"
    await bridge.close()
