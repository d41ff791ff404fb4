"""The audio output LiveKit writes to: what is reported must be what was heard."""

from __future__ import annotations

import asyncio

import numpy as np
from livekit import rtc
from livekit.agents.types import USERDATA_TIMED_TRANSCRIPT, TimedString
from livekit.agents.voice.io import PlaybackFinishedEvent

from appliance.phoneme import Phoneme, SpokenWord
from appliance.stage.output import SpeechOutput
from tests.fakes.face import FakeFace

RATE = 24_000
N = RATE // 25


def speech(seconds: float) -> rtc.AudioFrame:
    pcm = np.full(round(seconds * RATE), 1000, np.int16)
    return rtc.AudioFrame(pcm.tobytes(), RATE, 1, len(pcm))


def make(face: FakeFace | None = None) -> tuple[SpeechOutput, FakeFace, list[PlaybackFinishedEvent], list[int]]:
    face = face or FakeFace()
    thrown: list[int] = []
    output = SpeechOutput(face, rate_hz=RATE, fps=25, on_clear=lambda: thrown.append(1))
    finished: list[PlaybackFinishedEvent] = []
    output.on("playback_finished", finished.append)
    return output, face, finished, thrown


async def test_a_whole_utterance_is_reported_when_it_was_heard() -> None:
    output, face, finished, _ = make()
    started: list[object] = []
    output.on("playback_started", started.append)
    await output.capture_frame(speech(0.2))
    output.flush()
    assert face.pushed == {0: 4800} and face.flushed == [0]
    chunks = [output.take(queued_s=0.0) for _ in range(6)]
    assert [c is not None for c in chunks] == [True] * 5 + [False]
    assert len(started) == 1
    assert finished == [], "handed out is not heard"
    await asyncio.wait_for(output.wait_for_playout(), 2)
    assert finished[0].playback_position == 0.2 and not finished[0].interrupted


async def test_sound_of_another_rate_is_played_at_ours_and_its_phonemes_reach_the_face() -> None:
    output, face, _, _ = make()
    assert output.sample_rate is None, "LiveKit would make it ours, and drop what the frames carry"
    word = SpokenWord("home", 0.0, 0.4, (Phoneme("h", 0.0, 0.1), Phoneme("m", 0.3, 0.4)))
    for n, words in enumerate(([word], [], [TimedString("stay", start_time=0.4)])):
        frame = rtc.AudioFrame(np.full(4410, 1000, np.int16).tobytes(), 22_050, 1, 4410)
        frame.userdata[USERDATA_TIMED_TRANSCRIPT] = words
        await output.capture_frame(frame)
        assert face.pushed == {0: 4410 * (n + 1)}, "as it came"
    output.flush()
    assert face.phonemes == list(word.phonemes)
    played = [output.take(queued_s=0.0) for _ in range(16)]
    assert [chunk is not None for chunk in played] == [True] * 15 + [False]


async def test_barge_in_reports_only_what_was_heard() -> None:
    output, face, finished, thrown = make()
    await output.capture_frame(speech(2.0))
    for _ in range(10):
        output.take(queued_s=0.08)
    output.clear_buffer()
    assert face.cleared == 1 and thrown == [1]
    assert finished[0].interrupted
    assert abs(finished[0].playback_position - (0.4 - 0.08)) < 1e-6
    assert output.take(queued_s=0.0) is None


async def test_nothing_to_clear_is_nothing_to_report() -> None:
    output, face, finished, thrown = make()
    output.clear_buffer()
    assert (face.cleared, finished, thrown) == (0, [], [])


async def test_pause_takes_back_what_was_not_heard_and_resume_goes_on_there() -> None:
    output, _, finished, thrown = make()
    assert output.can_pause
    await output.capture_frame(speech(2.0))
    for _ in range(10):
        output.take(queued_s=0.08)
    output.pause()
    assert thrown == [1] and output.take(queued_s=0.0) is None
    output.resume()
    chunk = output.take(queued_s=0.0)
    assert chunk is not None and chunk.index == 8
    assert finished == []
    output.clear_buffer()


async def test_a_late_face_delays_the_start_for_a_bounded_time() -> None:
    output, _, _, _ = make(FakeFace(late=True))
    await output.capture_frame(speech(1.0))
    waited = 0
    while output.take(queued_s=0.0) is None:
        waited += 1
    assert 1 <= waited <= 12
    output.clear_buffer()


async def test_an_utterance_does_not_begin_while_it_is_doubted_and_goes_on_once_begun() -> None:
    output, _, _, _ = make()
    doubts = True
    output.doubted = lambda: doubts
    await output.capture_frame(speech(0.2))
    for _ in range(20):  # longer than a face is waited for
        assert not output.ready() and output.take(queued_s=0.0) is None
    assert output.speaking()
    doubts = False
    assert output.ready() and output.take(queued_s=0.0) is not None
    doubts = True
    assert output.ready() and output.take(queued_s=0.0) is not None
    output.clear_buffer()
