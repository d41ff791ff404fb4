"""Whether a visitor has finished, by the words and by the voice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from faster_whisper.audio import decode_audio
from livekit import rtc

from appliance.clock import VirtualClock
from appliance.config import MindConfig
from appliance.context import Context, Engines
from appliance.ears import endpointer as endpointer_module
from appliance.ears.endpointer import (
    CERTAIN,
    SURE,
    UNSURE,
    Delays,
    Endpointer,
    EndpointerStream,
    end_of_turn,
    is_question,
)
from appliance.errors import LLMError
from appliance.mind.plugin import create
from appliance.personas.persona import load

DELAYS = Delays(sure_s=0.45, unsure_s=0.7)
AT_S = 100.0


class Judge:
    """A language model that knows how likely some words end a sentence."""

    def __init__(self, **ends: float) -> None:
        self.ends = {words.replace("_", " "): end for words, end in ends.items()}
        self.asked: list[str] = []

    async def __call__(self, words: str) -> float:
        self.asked.append(words)
        if words not in self.ends:
            raise LLMError("busy", code="overloaded")
        return self.ends[words]


def _endpointer(judge: Judge | None) -> tuple[Endpointer, VirtualClock]:
    clock = VirtualClock(AT_S)
    return Endpointer(judge, DELAYS, clock=clock), clock


def test_words_and_voice_both_count() -> None:
    assert end_of_turn("What is your name?", 0.5, 0.5) > SURE
    assert end_of_turn("What is your name?", 0.02, 0.5) < end_of_turn("What is your name?", 0.5, 0.5)
    assert end_of_turn("What is your name?", 0.5, 0.1) < end_of_turn("What is your name?", 0.5, 0.5)


@pytest.mark.parametrize("words", ["What is your", "What is your...", "What is your-", "I want to know,"])
def test_words_that_are_left_open_are_no_end(words: str) -> None:
    assert end_of_turn(words, 0.5, 0.5) < UNSURE


async def test_a_finished_question_is_over_at_once() -> None:
    judge = Judge(What_is_your_name=0.6)
    endpointer, _ = _endpointer(judge)
    endpointer.hear("What is your name?", final=False)
    assert await endpointer.probability(0.5, AT_S - 0.2) > SURE
    assert judge.asked == ["What is your name"]


async def test_the_same_words_are_judged_once() -> None:
    judge = Judge(What_is_your_name=0.6)
    endpointer, _ = _endpointer(judge)
    endpointer.hear("What is your name?", final=False)
    endpointer.hear("What is your name?", final=True)
    await endpointer.probability(0.5, AT_S - 0.2)
    assert judge.asked == ["What is your name"]


async def test_words_of_an_earlier_pause_do_not_answer_for_this_one() -> None:
    judge = Judge(What_is_your=0.9, What_is_your_name=0.01)
    endpointer, clock = _endpointer(judge)
    endpointer.hear("What is your.", final=False)
    clock.advance(1.0)
    asked = asyncio.ensure_future(endpointer.probability(0.5, clock() - 0.2))
    await asyncio.sleep(0)
    assert not asked.done()
    endpointer.hear("What is your name.", final=False)
    assert await asked < SURE


async def test_a_breath_after_the_words_leaves_their_judgement(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpointer_module, "_FURTHER_WORDS_S", 0.02)
    judge = Judge(What_is_your_name=0.6)
    endpointer, clock = _endpointer(judge)
    endpointer.hear("What is your name?", final=True)
    clock.advance(1.0)
    assert await endpointer.probability(0.5, clock() - 0.2) == end_of_turn("What is your name?", 0.6, 0.5)


async def test_words_that_are_corrected_while_they_are_judged_are_judged_again() -> None:
    asked = asyncio.Event()

    async def judge(words: str) -> float:
        if words == "What is your game":
            asked.set()
            await asyncio.sleep(30)
        return 0.6

    endpointer = Endpointer(judge, DELAYS, clock=VirtualClock(AT_S))
    endpointer.hear("What is your game?", final=False)
    probability = asyncio.ensure_future(endpointer.probability(0.5, AT_S - 0.2))
    await asked.wait()
    endpointer.hear("What is your name?", final=True)
    assert await asyncio.wait_for(probability, 1) == end_of_turn("What is your name?", 0.6, 0.5)


async def test_what_was_said_before_in_this_turn_is_read_as_well() -> None:
    judge = Judge(**{"I live here": 0.5, "I live here. Where do I go": 0.7})
    endpointer, clock = _endpointer(judge)
    clock.advance(1.0)
    endpointer.hear("I live here.", final=True)
    endpointer.hear("Where do I go?", final=False)
    await endpointer.probability(0.5, AT_S)
    assert judge.asked[-1] == "I live here. Where do I go"
    endpointer.begin()
    judge.ends["Thanks"] = 0.9
    endpointer.hear("Thanks.", final=True)
    await endpointer.probability(0.5, AT_S)
    assert judge.asked[-1] == "Thanks"


async def test_what_may_be_over_is_over_after_the_longer_delay() -> None:
    judge = Judge(At_that_level=0.05)
    endpointer, clock = _endpointer(judge)
    likely = end_of_turn("At that level.", 0.05, 0.35)
    assert UNSURE < likely < SURE
    endpointer.hear("At that level.", final=False)
    clock.advance(DELAYS.unsure_s)  # the silence has lasted so long already: nothing is left to wait for
    endpointer.hear("At that level.", final=True)
    assert await endpointer.probability(0.35, AT_S) == 1.0


async def test_what_is_likely_over_is_over_after_the_shorter_delay() -> None:
    judge = Judge(At_that_level=0.2)
    endpointer, clock = _endpointer(judge)
    likely = end_of_turn("At that level.", 0.2, 0.4)
    assert SURE < likely < CERTAIN
    endpointer.hear("At that level.", final=False)
    clock.advance(DELAYS.sure_s)
    endpointer.hear("At that level.", final=True)
    assert await endpointer.probability(0.4, AT_S) == 1.0


@pytest.mark.parametrize(
    ("words", "asks"),
    [
        ("What is your name?", True),
        ("which network writes the sentences you say.", True),
        ("My friend only speaks Italian. Will you understand him?", True),
        ("My friend only speaks Italian.", False),
        ("Can it cope? I doubt it.", False),
        ("", False),
    ],
)
async def test_what_states_something_may_lead_to_a_question(words: str, asks: bool) -> None:
    assert is_question(words) is asks
    if not words:
        return
    endpointer, clock = _endpointer(Judge(**{words.rstrip(".?"): 0.9}))
    endpointer.hear(words, final=True)
    asked = asyncio.ensure_future(endpointer.probability(0.9, clock()))
    for _ in range(3):
        await asyncio.sleep(0)
    assert asked.done() is asks, "what is stated waits for a little longer"
    asked.cancel()


def _sound(level: float, seconds: float = 0.02) -> rtc.AudioFrame:
    pcm = (np.random.default_rng(3).normal(0, level, int(16_000 * seconds)) * 32767).astype(np.int16)
    return rtc.AudioFrame(pcm.tobytes(), 16_000, 1, len(pcm))


@pytest.mark.parametrize(("loudness", "held"), [(0.1, True), (0.002, False)])
async def test_an_answer_waits_while_it_is_as_loud_as_speech_again(loudness: float, held: bool) -> None:
    endpointer, clock = _endpointer(Judge(At_that_level=0.2))
    endpointer.listen(_sound(0.1))
    endpointer.hear("At that level.", final=False)
    clock.advance(DELAYS.sure_s - 0.01)
    endpointer.listen(_sound(loudness))
    clock.advance(0.01)
    endpointer.hear("At that level.", final=True)
    asked = asyncio.ensure_future(endpointer.probability(0.4, AT_S))
    for _ in range(3):
        await asyncio.sleep(0)
    assert asked.done() is not held
    asked.cancel()


async def test_noise_does_not_hold_an_answer_for_ever() -> None:
    endpointer, clock = _endpointer(Judge(At_that_level=0.2))
    endpointer.hear("At that level.", final=False)
    clock.advance(DELAYS.sure_s + 1.0)
    endpointer.listen(_sound(0.1))
    endpointer.hear("At that level.", final=True)
    assert await endpointer.probability(0.4, AT_S) == 1.0


@pytest.mark.parametrize(("voice", "over"), [(0.5, True), (0.2, False)])
async def test_without_a_judge_the_voice_decides(voice: float, over: bool) -> None:
    silent, _ = _endpointer(None)
    assert (await silent.probability(voice, AT_S) >= SURE) is over
    failing, _ = _endpointer(Judge())
    failing.hear("Anything.", final=True)
    assert (await failing.probability(voice, AT_S) >= SURE) is over


class Voice:
    """LiveKit's stream, with a prediction that a test gives."""

    def __init__(self) -> None:
        self.answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.cancelled = 0

    def predict(self) -> asyncio.Future[Any]:
        return self.answer

    def cancel_inference(self, *, timed_out: bool = False) -> None:
        self.cancelled += 1

    def flush(self, reason: str | None) -> None:
        pass

    async def aclose(self) -> None:
        pass


@pytest.fixture
async def voice() -> AsyncIterator[Voice]:
    yield Voice()


async def test_speech_that_goes_on_answers_no(voice: Voice) -> None:
    endpointer, _ = _endpointer(Judge())
    stream = EndpointerStream(endpointer, voice)
    asked = stream.predict()
    stream.cancel_inference()
    assert (await asked).end_of_turn_probability == 0.0
    await stream.aclose()


@pytest.mark.slow
async def test_real_detector_and_model_tell_a_sentence_from_its_beginning(models: Path, data: Path) -> None:
    engines = Engines()
    files = {"mind": next((models / "mind").glob("*.gguf")), "embedding": models / "embedding"}
    mind = create(MindConfig(), Context(engines, files, load("host")))
    await engines.ready()
    speech = (decode_audio(str(data / "speech" / "spk1_snt5.wav"), 16_000) * 32767).astype(np.int16)
    last = int(np.flatnonzero(np.abs(speech) > 300)[-1])
    answers: list[float] = []
    for words, end in (("Sunday is the best part of the week.", last), ("Sunday is the best part", last // 2)):
        endpointer = Endpointer(mind.finished, DELAYS)
        stream = endpointer.stream()
        heard = np.concatenate([speech[:end], np.zeros(3200, np.int16)])
        for start in range(0, len(heard), 320):
            pcm = heard[start : start + 320]
            stream.push_audio(rtc.AudioFrame(pcm.tobytes(), 16_000, 1, len(pcm)))
        await asyncio.sleep(0)
        asked = stream.predict()
        endpointer.hear(words, final=False)
        answers.append((await asked).end_of_turn_probability)
        await stream.aclose()
    await mind.aclose()
    await engines.close()
    assert answers[0] >= SURE
    assert answers[1] < UNSURE


def test_an_answer_is_doubted_while_it_becomes_loud_just_after_the_turn() -> None:
    endpointer, clock = _endpointer(None)
    endpointer.listen(_sound(0.1))
    clock.advance(0.5)
    assert not endpointer.doubted(), "no turn is over"
    endpointer.begin()
    endpointer.listen(_sound(0.002))
    assert not endpointer.doubted(), "34 dB below what was said"
    endpointer.listen(_sound(0.1))
    assert endpointer.doubted()
    clock.advance(0.2)
    assert not endpointer.doubted(), "it was short"
    clock.advance(0.5)
    endpointer.listen(_sound(0.1))
    assert not endpointer.doubted(), "an answer that comes later is begun"


@pytest.mark.parametrize(("softest", "held"), [(0.0005, True), (0.004, False)])
def test_a_word_that_begins_softly_is_known_from_how_quiet_it_was(softest: float, held: bool) -> None:
    endpointer, clock = _endpointer(None)
    endpointer.listen(_sound(0.1))
    clock.advance(0.5)
    endpointer.listen(_sound(softest))
    endpointer.begin()
    endpointer.listen(_sound(0.007))  # 23 dB below what was said: the burst of a /k/, or a room that is never quiet
    assert endpointer.doubted() == held
