"""Transcribing ahead: when it is decided, and what LiveKit is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import numpy as np
import pytest
from livekit import rtc
from livekit.agents import APIConnectOptions, APIError, stt

from appliance.ears.speculation import Speculation, SpeculativeStream, Step, level_dbfs
from appliance.ears.whisper import Transcript
from appliance.ears.windows import RATE_HZ, Samples
from appliance.engine import TurnId
from tests.fakes.voice_activity import WINDOW, FakeVoiceActivity

Kind = stt.SpeechEventType


def play(speculation: Speculation, windows: str) -> list[tuple[int, Step]]:
    """Push one window a character; the steps that say something, with their window's index.

    `#` is voiced, `.` silent, and `-` what the detector still takes for speech when it has stopped.
    """
    probability = {"#": 1.0, "-": 0.9, ".": 0.0}
    level_dbfs = {"#": -20.0, "-": -60.0, ".": -70.0}
    steps = [speculation.push(probability[window], level_dbfs[window], WINDOW) for window in windows]
    return [(index, step) for index, step in enumerate(steps) if step is not Step.NOTHING]


def begun(pause_s: float = 0.12) -> Speculation:
    speculation = Speculation(pause_s)
    speculation.begin()
    return speculation


def test_a_pause_is_transcribed_once() -> None:
    speculation = begun()
    assert play(speculation, "##########........") == [(13, Step.TRANSCRIBE)]  # the fourth silent window: 128 ms
    assert speculation.end() is Step.COMMIT


def test_a_pause_is_heard_before_the_detector_notices_it() -> None:
    speculation = begun()
    assert play(speculation, "##########---.....") == [(13, Step.TRANSCRIBE)]


def test_where_it_is_noisy_the_detector_decides() -> None:
    speculation = begun()
    steps = [speculation.push(p, -30.0, WINDOW) for p in (*[1.0] * 10, *[0.9] * 6, *[0.0] * 4)]
    assert steps.index(Step.TRANSCRIBE) == 19


def test_speech_that_goes_on_makes_it_stale() -> None:
    speculation = begun()
    assert play(speculation, "##########....##....") == [
        (13, Step.TRANSCRIBE),
        (15, Step.FORGET),
        (19, Step.TRANSCRIBE),
    ]


def test_one_voiced_window_is_a_click() -> None:
    speculation = begun()
    assert play(speculation, "##########....#...#...") == [(13, Step.TRANSCRIBE)]
    assert speculation.end() is Step.COMMIT


def test_the_gap_within_a_word_is_no_pause() -> None:
    assert play(begun(), "#####...#####..####") == []


def test_a_breath_is_not_transcribed_ahead() -> None:
    speculation = begun()
    assert play(speculation, "##......") == []
    assert speculation.end() is Step.TRANSCRIBE


def test_an_end_before_the_pause_is_transcribed_then() -> None:
    speculation = begun(pause_s=0.2)
    play(speculation, "##########...")
    assert speculation.end() is Step.TRANSCRIBE


def test_silence_before_speech_means_nothing() -> None:
    speculation = Speculation(0.12)
    assert play(speculation, "....####....") == []


def test_the_next_utterance_starts_anew() -> None:
    speculation = begun()
    play(speculation, "##########....")
    speculation.end()
    speculation.begin()
    assert speculation.end() is Step.TRANSCRIBE


class Ears:
    """A `hear` that notes what it was given and answers when it is let."""

    def __init__(self) -> None:
        self.given_s: list[float] = []
        self.answers: list[str | APIError] = []
        self.open = asyncio.Event()
        self.open.set()
        self.cancelled = 0

    async def __call__(self, pcm: Samples) -> Transcript:
        self.given_s.append(len(pcm) / RATE_HZ)
        answer = self.answers[min(len(self.given_s), len(self.answers)) - 1] if self.answers else "hello"
        try:
            await self.open.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if isinstance(answer, APIError):
            raise answer
        return Transcript(answer, "en", -0.1, 0.0, len(pcm) / RATE_HZ, TurnId(1))


class Owner(stt.STT):
    def __init__(self) -> None:
        super().__init__(capabilities=stt.STTCapabilities(streaming=True, interim_results=False))

    async def _recognize_impl(self, buffer: object, **_: object) -> stt.SpeechEvent:
        raise AssertionError("the stream transcribes by itself")


@pytest.fixture
async def ears() -> Ears:
    return Ears()


@pytest.fixture
async def owner() -> Owner:
    return Owner()


@pytest.fixture
async def stream(ears: Ears, owner: Owner) -> AsyncIterator[SpeculativeStream]:
    made = SpeculativeStream(
        owner, APIConnectOptions(max_retry=0), hear=ears, voice_activity=FakeVoiceActivity(), pause_s=0.12
    )
    async with made:
        yield made


def push(stream: SpeculativeStream, windows: str) -> None:
    for window in windows:
        level = 8000 if window == "#" else 0
        stream.push_frame(rtc.AudioFrame(np.full(WINDOW, level, np.int16).tobytes(), RATE_HZ, 1, WINDOW))


async def settle() -> None:
    for _ in range(300):  # each hand-over from task to task takes some turns of the loop
        await asyncio.sleep(0)


async def finish(stream: SpeculativeStream) -> list[stt.SpeechEvent]:
    stream.end_input()
    return [event async for event in stream]


def kinds(events: list[stt.SpeechEvent]) -> list[Kind]:
    return [event.type for event in events if event.type is not Kind.RECOGNITION_USAGE]


async def test_words_are_told_at_the_pause_and_final_at_the_end_from_one_run(
    stream: SpeculativeStream, ears: Ears
) -> None:
    push(stream, "..." + 20 * "#" + "....")
    await settle()
    push(stream, 8 * ".")
    await settle()
    events = await finish(stream)
    assert kinds(events) == [
        Kind.START_OF_SPEECH,
        Kind.PREFLIGHT_TRANSCRIPT,
        Kind.END_OF_SPEECH,
        Kind.FINAL_TRANSCRIPT,
    ]
    assert len(ears.given_s) == 1
    assert ears.given_s[0] == pytest.approx(27 * WINDOW / RATE_HZ)  # from the three windows before it to the pause
    assert events[1].alternatives[0].text == events[-1].alternatives[0].text == "hello"
    assert events[-1].speech_end_time is not None


async def test_speech_that_goes_on_is_heard_whole(stream: SpeculativeStream, ears: Ears) -> None:
    ears.answers = ["I would like", "I would like a coffee"]
    push(stream, 20 * "#" + "....")
    await settle()
    push(stream, 20 * "#" + "....")
    await settle()
    push(stream, 8 * ".")
    await settle()
    events = await finish(stream)
    assert [event.alternatives[0].text for event in events if event.alternatives] == [
        "I would like",
        "I would like a coffee",
        "I would like a coffee",
    ]
    assert kinds(events).count(Kind.FINAL_TRANSCRIPT) == 1
    assert len(ears.given_s) == 2


async def test_the_same_words_are_not_told_twice(stream: SpeculativeStream, ears: Ears) -> None:
    push(stream, 20 * "#" + "....")
    await settle()
    push(stream, "###....")
    await settle()
    push(stream, 8 * ".")
    await settle()
    events = await finish(stream)
    assert kinds(events).count(Kind.PREFLIGHT_TRANSCRIPT) == 1
    assert len(ears.given_s) == 2


async def test_a_run_that_speech_overtook_is_cancelled(stream: SpeculativeStream, ears: Ears) -> None:
    ears.open.clear()
    push(stream, 20 * "#" + "....")
    await settle()
    push(stream, 5 * "#")
    await settle()
    assert ears.cancelled == 1
    ears.open.set()
    push(stream, 12 * ".")
    await settle()
    events = await finish(stream)
    assert kinds(events).count(Kind.FINAL_TRANSCRIPT) == 1


async def test_the_end_waits_for_the_run_that_is_under_way(stream: SpeculativeStream, ears: Ears) -> None:
    ears.open.clear()
    push(stream, 20 * "#" + 12 * ".")
    await settle()
    ears.open.set()
    await settle()
    events = await finish(stream)
    assert kinds(events) == [Kind.START_OF_SPEECH, Kind.END_OF_SPEECH, Kind.FINAL_TRANSCRIPT]
    assert len(ears.given_s) == 1


async def test_noise_without_words_is_no_transcript(stream: SpeculativeStream, ears: Ears) -> None:
    ears.answers = [""]
    push(stream, 20 * "#" + 12 * ".")
    await settle()
    assert kinds(await finish(stream)) == [Kind.START_OF_SPEECH, Kind.END_OF_SPEECH]


async def test_a_busy_engine_loses_one_utterance_not_the_stream(
    stream: SpeculativeStream, ears: Ears, owner: Owner
) -> None:
    told: list[stt.STTError] = []
    owner.on("error", told.append)
    ears.answers = [APIError("busy", retryable=True), "again"]
    push(stream, 20 * "#" + 12 * ".")
    await settle()
    push(stream, 20 * "#" + 12 * ".")
    await settle()
    events = await finish(stream)
    assert [error.recoverable for error in told] == [True]
    assert [e.alternatives[0].text for e in events if e.type is Kind.FINAL_TRANSCRIPT] == ["again"]


async def test_a_broken_engine_ends_the_stream(stream: SpeculativeStream, ears: Ears) -> None:
    ears.answers = [APIError("broken", retryable=False)]
    push(stream, 20 * "#" + 12 * ".")
    await settle()
    with pytest.raises(APIError, match="broken"):
        async for _ in stream:
            pass


async def test_an_endless_sentence_is_bounded(stream: SpeculativeStream, ears: Ears) -> None:
    push(stream, int(70 * RATE_HZ / WINDOW) * "#" + 12 * ".")
    await settle()
    await finish(stream)
    assert ears.given_s[0] <= 60.1


async def test_closing_while_a_run_is_under_way_leaves_nothing(ears: Ears, owner: Owner) -> None:
    ears.open.clear()
    stream = SpeculativeStream(
        owner, APIConnectOptions(max_retry=0), hear=ears, voice_activity=FakeVoiceActivity(), pause_s=0.12
    )
    push(stream, 20 * "#" + "....")
    await settle()
    await stream.aclose()
    assert ears.cancelled == 1


def test_the_level_of_frames_is_told_in_dbfs() -> None:
    loud = rtc.AudioFrame(np.full(512, 16384, np.int16).tobytes(), RATE_HZ, 1, 512)
    assert level_dbfs([loud]) == pytest.approx(-6.02, abs=0.01)
    assert level_dbfs([loud, loud]) == pytest.approx(-6.02, abs=0.01)
    assert level_dbfs([]) == pytest.approx(-120.0)
