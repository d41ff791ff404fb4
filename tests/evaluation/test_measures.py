"""Times of sounds and pictures: made timelines in, known figures out."""

from __future__ import annotations

import numpy as np
import pytest

from appliance.evaluation.measures import (
    answer,
    barge_in_ms,
    frames_per_second,
    full_seconds,
    heard_in_pause,
    mouth_to_ear_ms,
    silence_ms,
    slope,
    spoke_over,
    spread,
    stretches,
)
from appliance.evaluation.timeline import AUDIBLE, RATE_HZ, Heard, Seen, Spoken, audible

FRAME = RATE_HZ // 100
LOUD = round(0.1 * 32768)


def sound(*spans: tuple[float, float], length_s: float, amplitude: int = LOUD) -> list[Heard]:
    """10 ms frames that arrive on time, with a constant level inside the spans, which are given in seconds."""
    pcm = np.zeros(round(length_s * RATE_HZ), np.int16)
    for start_s, end_s in spans:
        pcm[round(start_s * RATE_HZ) : round(end_s * RATE_HZ)] = amplitude
    return [Heard(100 + i / RATE_HZ, pcm[i : i + FRAME]) for i in range(0, len(pcm), FRAME)]


def said(first_s: float, last_s: float) -> Spoken:
    return Spoken("question", 100 + first_s, 100 + last_s, 0.0)


def test_audible_is_minus_45_dbfs() -> None:
    threshold = AUDIBLE * 32768
    assert 20 * np.log10(AUDIBLE) == pytest.approx(-45)
    pcm = np.zeros(100, np.int16)
    pcm[10], pcm[90] = int(threshold), -int(threshold)
    assert audible(pcm) is None
    pcm[20], pcm[80] = int(threshold) + 1, -int(threshold) - 1
    assert audible(pcm) == (20, 80)


def test_the_most_negative_sample_is_loud() -> None:
    assert audible(np.array([0, -32768, 0], np.int16)) == (1, 1)


def test_short_pauses_do_not_cut_and_long_ones_do() -> None:
    found = stretches(sound((1.0, 1.5), (1.75, 2.0), (2.4, 3.0), length_s=4))
    assert [(round(s.start_s - 100, 3), round(s.end_s - 100, 3)) for s in found] == [(1.0, 2.0), (2.4, 3.0)]


def test_mouth_to_ear_is_exact_to_the_sample() -> None:
    sounds = stretches(sound((3.2105, 5.0), length_s=6))
    assert mouth_to_ear_ms(sounds, said(1.0, 2.5)) == pytest.approx(710.5, abs=0.05)


def test_what_is_too_quiet_is_no_answer() -> None:
    sounds = stretches(sound((3.0, 5.0), length_s=6, amplitude=int(AUDIBLE * 32768) - 1))
    assert mouth_to_ear_ms(sounds, said(1.0, 2.5)) is None


def test_speaking_over_the_end_of_a_question_is_no_answer() -> None:
    sounds = stretches(sound((2.0, 3.0), (3.5, 4.0), length_s=5))
    assert answer(sounds, said(1.0, 2.5)) is None
    assert spoke_over(sounds, said(1.0, 2.5))


def test_the_end_of_an_earlier_answer_is_not_this_answer() -> None:
    sounds = stretches(sound((0.1, 0.6), (3.0, 4.0), length_s=5))
    assert mouth_to_ear_ms(sounds, said(1.0, 2.5)) == pytest.approx(500, abs=0.1)
    assert not spoke_over(sounds, said(1.0, 2.5))


def test_barge_in_ends_with_the_last_audible_sample_before_a_pause() -> None:
    sounds = stretches(sound((1.0, 3.30), (3.4, 3.45), (3.9, 5.0), length_s=6))
    assert barge_in_ms(sounds, said(3.0, 4.0)) == pytest.approx(450, abs=0.1)


def test_nothing_is_interrupted_in_silence() -> None:
    assert barge_in_ms(stretches(sound((1.0, 2.0), length_s=6)), said(3.0, 4.0)) is None


def test_frames_are_counted_in_whole_seconds_after_the_first() -> None:
    picture = np.zeros((1, 1), np.uint8)
    seen = [Seen(50 + i / 25 + 0.005 * bool(i), picture) for i in range(25 * 5)]
    del seen[25 * 3 + 5 : 25 * 3 + 15]
    assert frames_per_second(seen, until_s=54.5) == [25, 25, 15]
    assert frames_per_second([], until_s=54.5) == []
    assert frames_per_second(seen[:1], until_s=50.5) == []


def test_spread_of_known_values() -> None:
    found = spread([float(v) for v in range(101)])
    assert found is not None
    assert (found.p50, found.p95, found.max) == (50, 95, 100)
    assert spread([]) is None


def test_silence_is_the_last_sample_before_the_visitor_has_finished() -> None:
    # It stops after 0.25 s, goes on in the middle of the interruption, and answers after it.
    sounds = stretches(sound((1.0, 3.25), (3.8, 4.1), (5.0, 6.0), length_s=7))
    assert silence_ms(sounds, said(3.0, 4.5)) == pytest.approx(1100, abs=0.1)
    assert silence_ms(sounds, said(3.0, 3.6)) == pytest.approx(250, abs=0.1)
    assert silence_ms(sounds, said(4.3, 4.5)) is None


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        ([(1.0, 2.0), (4.5, 5.0)], False),
        ([(2.7, 2.8), (4.5, 5.0)], True),
        ([(3.1, 3.9), (4.5, 5.0)], True),  # begun in the pause, heard as the visitor goes on
        ([(2.0, 2.6)], True),
    ],
)
def test_an_answer_is_heard_in_a_pause(spans: list[tuple[float, float]], expected: bool) -> None:
    question = Spoken("question", 101.0, 104.0, 0.0, pause_s=(102.5, 103.1))
    assert heard_in_pause(stretches(sound(*spans, length_s=6)), question) is expected


def test_whole_seconds_of_a_time_are_counted() -> None:
    seen = [Seen(50 + i / 25 + 0.005, np.zeros((1, 1), np.uint8)) for i in range(25 * 5)]
    del seen[25 * 3 + 5 : 25 * 3 + 15]
    assert full_seconds(seen, 51.0, 54.9) == [25, 25, 15]
    assert full_seconds(seen, 51.0, 51.5) == []


def test_a_slope_is_not_moved_by_outliers() -> None:
    points = [(float(x), 3 + 0.25 * x) for x in range(20)]
    points[7] = (7.0, 900.0)
    points[15] = (15.0, -900.0)
    assert slope(points) == pytest.approx(0.25)
    assert slope(points[:1]) is None
