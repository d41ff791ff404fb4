"""The detector runs on the thread that asks, and tells a session at once that somebody speaks."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from livekit import rtc
from livekit.agents import inference
from livekit.agents.vad import VADEvent, VADEventType

from appliance.ears.voice_activity import _HERE, interrupting_voice_activity, voice_activity
from appliance.evaluation.microphone import read
from appliance.evaluation.timeline import RATE_HZ


def test_it_runs_at_once_on_this_thread() -> None:
    assert _HERE.submit(threading.get_ident).result(0) == threading.get_ident()


def test_what_goes_wrong_is_told_to_who_asked() -> None:
    with pytest.raises(ZeroDivisionError):
        _HERE.submit(lambda: 1 / 0).result(0)


async def _events(detector: inference.VAD, data: Path) -> list[VADEvent]:
    """What it tells of a recorded sentence."""
    stream = detector.stream()
    pcm = read(data / "speech" / "spk1_snt1.wav").pcm
    stream.push_frame(rtc.AudioFrame(pcm.tobytes(), RATE_HZ, 1, len(pcm)))
    stream.end_input()
    events = [event async for event in stream]
    await stream.aclose()
    return events


def _interrupts_s(events: list[VADEvent]) -> float:
    """When LiveKit interrupts: when a look finds that somebody has spoken for 0.05 s."""
    looks = (event for event in events if event.type is VADEventType.INFERENCE_DONE)
    return next(look.samples_index / 16_000 for look in looks if look.speech_duration >= 0.05)


async def test_a_session_is_interrupted_by_the_window_in_which_speech_begins(data: Path) -> None:
    plain, early = [await _events(make(), data) for make in (voice_activity, interrupting_voice_activity)]
    begun = next(event for event in plain if event.type is VADEventType.START_OF_SPEECH)
    assert _interrupts_s(plain) == pytest.approx(begun.samples_index / 16_000 + 0.032, abs=0.001)
    assert _interrupts_s(early) == pytest.approx(begun.samples_index / 16_000, abs=0.001)


async def test_nothing_else_is_told_otherwise(data: Path) -> None:
    plain, early = [await _events(make(), data) for make in (voice_activity, interrupting_voice_activity)]
    begins = [number for number, event in enumerate(early) if event.type is VADEventType.START_OF_SPEECH]
    assert begins
    for number in reversed(begins):
        added = early.pop(number + 1)
        assert added.speaking
        assert not added.frames
    assert [(event.type, event.samples_index) for event in early] == [
        (event.type, event.samples_index) for event in plain
    ]
