"""A made scene: a voice that stops, a mouth that closes, and answers that were heard whole or not."""

from __future__ import annotations

import numpy as np
import pytest

from appliance.config import load
from appliance.evaluation.disturbances import made
from appliance.evaluation.interruption import (
    Options,
    Samples,
    Scene,
    measure,
    medium,
    plan,
    reactions,
    report,
    survived,
)
from appliance.evaluation.microphone import Recording
from appliance.evaluation.timeline import Heard, Spoken, Timeline
from tests.evaluation.test_measures import sound
from tests.evaluation.test_mouth import SPEECH, face

ANSWER = "In four steps. Your speech becomes words, the words get an answer, and the answer becomes a voice."


def test_reactions_are_those_that_were_put_in() -> None:
    # Speech from 4 to 8 and from 12 to 17 s, its pictures 60 ms later; somebody speaks into both.
    spans = [(stretch.start_s, stretch.end_s) for stretch in SPEECH]
    heard = [Heard(frame.at_s - 100, frame.pcm) for frame in sound(*spans, length_s=20)]
    timeline = Timeline(heard=heard, seen=face(0.06))
    cuts = [Spoken("stop", 7.8, 9.4, 0.0), Spoken("no", 16.6, 18.0, 0.0), Spoken("too late", 18.5, 19.0, 0.0)]
    samples = Samples()
    reactions(Scene(timeline, interruptions=cuts), samples)
    assert samples.silence_ms == pytest.approx([200, 400], abs=0.1)
    assert samples.closed_mouth_ms == pytest.approx([260, 460], abs=100)
    assert samples.errors == []


def test_an_answer_survives_when_all_of_it_was_heard_and_nothing_else() -> None:
    assert survived(ANSWER, ANSWER.upper())
    assert survived(ANSWER, "In four steps, your speech becomes words, the words get answer, the answer becomes voice")
    assert not survived(ANSWER, "In four steps. Your speech becomes words"), "it stopped"
    assert not survived(ANSWER, "In four steps. I don't know that, I'm sorry."), "it answered something else"
    assert not survived(ANSWER, f"{ANSWER} {ANSWER}"), "it was begun again"
    assert not survived(ANSWER, f"{ANSWER} I can't answer that one, please ask the staff at the desk."), "and went on"


def test_figures_of_a_run() -> None:
    box = Samples([200.0, 220.0], [250.0], [("cough", True), ("echo -10 dB", False), ("echo -10 dB", True)])
    figures = report(box, Samples([800.0, 880.0]))
    assert figures["silence_ms"] == {"p50": 210.0, "p95": 219.0}
    assert figures["false_interruptions"] == 1
    assert figures["stopped_by"] == {"cough": 0, "echo -10 dB": 1}
    assert figures["ratio"] == {"silence_p50": 0.25}
    assert report(Samples(), None)["false_interruptions"] is None, "nothing was tried"


def test_disturbed_answers_are_neither_short_nor_long() -> None:
    lengths = {"a": 10, "a too": 10, "b": 90, "b too": 90, "c": 100, "d": 300}
    answers = {question: question[0] * length for question, length in lengths.items()}
    assert medium(answers)[:2] == ["b", "c"]
    assert len(medium(answers)) == 4


def test_every_noise_and_every_room_at_every_gain_is_tried_so_often() -> None:
    noises = [Recording(name, np.ones(4, np.int16)) for name in ("cough", "door", "mm-hm")]
    rooms = [*made().rooms, *made().rooms]
    full = plan(noises, rooms, Options(1, 2, None, False, False, None))
    assert len(full) == 2 * (3 + 2 * 2)
    assert {item.kind for item in full} == {"cough", "door", "mm-hm", "echo -20 dB", "echo -10 dB"}
    assert all((item.noise is None) != (item.echo is None) for item in full)
    assert len(plan(noises, rooms, Options(1, 1, None, True, False, None))) == 2


@pytest.mark.slow
@pytest.mark.timeout(180)
async def test_a_real_box_is_interrupted_and_disturbed(models: object) -> None:
    assert models
    found = await measure(load().config, Options(1, 1, None, True, False, None), lambda _: None)
    box = found["box"]
    assert box.errors == []
    assert len(box.silence_ms) == len(box.closed_mouth_ms) == 1
    assert [kind for kind, _ in box.trials] == ["cough", "echo -10 dB"]
