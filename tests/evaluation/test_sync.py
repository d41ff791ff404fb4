"""Offsets that drift by a known amount; and half a minute of a real box that keeps its lips with its voice."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from appliance.config import load as configuration
from appliance.evaluation.measures import Stretch
from appliance.evaluation.sync import (
    Piece,
    Samples,
    _compare,  # pyright: ignore[reportPrivateUsage]
    measure,
    texts,
)
from appliance.evaluation.timeline import Heard, Seen, Timeline
from appliance.personas.persona import load
from tests.evaluation.test_measures import sound
from tests.evaluation.test_mouth import FPS, SPEECH, face, held, opening, picture


def test_drift_is_the_slope_over_the_whole_time() -> None:
    noise = (3.0, -2.0, 0.5, -1.5, 2.5, -2.5)
    offsets = [(minute / 2, 12 + 0.4 * minute / 2 + noise[minute % 6]) for minute in range(60)]
    figures = Samples(seconds=1800, answers=200, offset_ms=offsets).summary()
    assert figures["drift_ms"] == pytest.approx(12, abs=1)
    assert figures["minutes"] == 30
    assert figures["offset_ms"]["p50"] == pytest.approx(18, abs=1.5)


def test_pictures_that_come_early_count_by_their_distance() -> None:
    figures = Samples(seconds=60, offset_ms=[(0.0, -40.0), (0.5, 10.0)]).summary()
    assert figures["offset_ms"]["p95_abs"] == pytest.approx(38.5)
    assert figures["drift_ms"] is None, "two answers tell no drift"


def test_it_asks_for_the_longest_answers_first() -> None:
    persona = load("host")
    answers = {question: entry.answer for entry in persona.entries for question in entry.questions}
    lengths = [len(answers[text]) for text in texts(persona)]
    assert lengths == sorted(lengths, reverse=True)
    assert len(set(texts(persona))) == len(lengths) >= 10


def test_a_timeline_hands_over_what_was_recorded_so_far() -> None:
    timeline = Timeline(heard=sound((0.0, 0.1), length_s=0.2))
    first = timeline.take()
    timeline.heard.append(first.heard[0])
    assert (len(first.heard), len(timeline.heard)) == (20, 1)
    assert isinstance(first.heard[0], Heard)
    assert timeline.take().seen == list[Seen]()


class OtherWords:
    """A reference that renders something else."""

    async def render(self, heard: Sequence[Heard], answer: Stretch) -> list[Seen]:
        rng = np.random.default_rng(5)
        times = np.arange(answer.start_s, answer.end_s, 1 / FPS)
        mouths = opening(times - 100, seed=77)
        return [Seen(float(t), picture(m, t, rng)) for t, m in zip(times, mouths, strict=True)]


@pytest.mark.parametrize(
    ("every", "what", "starved"), [(1, "are not those of its voice", 0), (4, "of their pictures", 1)]
)
async def test_lips_that_are_not_the_voices_are_told_from_a_machine_that_is_too_slow(
    every: int, what: str, starved: int
) -> None:
    answer = SPEECH[0]
    shown = [frame for frame in held(face(0.05), every) if frame.at_s < answer.end_s + 1]
    heard = sound((answer.start_s, answer.end_s), length_s=answer.end_s + 1)
    visit = Timeline(heard=heard, seen=[Seen(100 + frame.at_s, frame.cells) for frame in shown])
    pieces = [Piece(0.0, Timeline()), Piece(0.0, visit)]
    samples = Samples()
    await _compare(pieces, OtherWords(), samples)  # type: ignore[arg-type]
    assert len(samples.errors) == 1
    assert what in samples.errors[0]
    assert samples.starved == starved


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_a_real_box_keeps_its_lips_with_its_voice(models: object) -> None:
    assert models
    for _ in range(3):
        samples = await measure(configuration().config, None, 6.0, lambda _: None)
        if not samples.starved:
            break
    if 0 < samples.starved == len(samples.errors):
        pytest.skip(f"something else keeps this machine too busy to draw a face: {samples.errors}")
    assert samples.errors == []
    assert samples.answers >= 1
    assert min(samples.correlation) > 0.5
    assert max(abs(ms) for _, ms in samples.offset_ms) < 500
