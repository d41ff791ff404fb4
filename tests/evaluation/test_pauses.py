"""Pauses of a known length, put between two words."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from appliance.evaluation.microphone import Recording, read
from appliance.evaluation.pauses import fluent, paused
from appliance.evaluation.timeline import RATE_HZ, Pcm16, audible


def words(*lengths_s: float, gap_s: float = 0.06, room: int = 20) -> Pcm16:
    """Loud words with gaps of the room's noise between."""
    rng = np.random.default_rng(1)
    parts = [np.zeros(RATE_HZ // 10)]
    for length_s in lengths_s:
        parts += [rng.choice([-9000, 9000], round(length_s * RATE_HZ)), np.zeros(round(gap_s * RATE_HZ))]
    pcm = np.concatenate(parts)
    return (pcm + rng.normal(0, room, len(pcm))).astype(np.int16)


@pytest.mark.parametrize("pause_s", [0.6, 1.0])
def test_the_pause_is_as_long_as_asked_for_and_lies_between_words(pause_s: float) -> None:
    original = words(0.4, 0.5, 0.7, 0.3)
    made = paused(Recording("question", original), pause_s)
    assert made.pause is not None
    before, after = made.pause
    assert (after - before) / RATE_HZ == pytest.approx(pause_s, abs=0.001)
    assert audible(made.pcm[before + 1 : after]) is None
    # After the second word, 0.1 + 0.4 + 0.06 + 0.5 s in, which is the gap nearest the middle.
    assert before / RATE_HZ == pytest.approx(1.06, abs=0.006)


def test_no_word_is_lost() -> None:
    original = words(0.4, 0.5, 0.7, 0.3)
    made = paused(Recording("question", original), 0.6)
    loud = [np.count_nonzero(np.abs(pcm.astype(int)) > 5000) for pcm in (original, made.pcm)]
    assert loud[1] == pytest.approx(loud[0], rel=0.01)
    assert len(made.pcm) > len(original)


def test_the_pause_sounds_like_the_room() -> None:
    made = paused(Recording("question", words(0.4, 0.5, 0.7, 0.3, room=20)), 1.0)
    assert made.pause is not None
    middle = made.pcm[made.pause[0] + RATE_HZ // 4 : made.pause[1] - RATE_HZ // 4].astype(float)
    assert 8 < float(np.std(middle)) < 40


@pytest.mark.parametrize(("gap_s", "without"), [(0.06, True), (0.3, True), (0.5, False)])
def test_who_pauses_by_himself_is_known(gap_s: float, without: bool) -> None:
    assert fluent(Recording("question", words(0.4, 0.5, gap_s=gap_s))) is without


def test_a_real_question_is_heard_in_two_parts(data: Path) -> None:
    recording = read(data / "speech" / "spk1_snt3.wav")
    made = paused(recording, 0.6)
    assert made.pause is not None
    assert (made.pause[1] - made.pause[0]) / RATE_HZ == pytest.approx(0.6, abs=0.001)
    assert 0.25 < made.pause[0] / len(recording.pcm) < 0.75
