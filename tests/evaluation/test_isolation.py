"""Visitors whose sessions leak into each other in known ways, and some whose do not."""

from __future__ import annotations

import numpy as np
import pytest

from appliance.evaluation.isolation import Known, has_tone, leaks, tone
from appliance.evaluation.microphone import read
from appliance.evaluation.timeline import RATE_HZ, Pcm16, Words

ANSWERS = (
    {"how do you work": "In four steps. Your speech becomes words and the words get an answer."},
    {"where is my voice kept": "Nothing is kept. It all happens on this box and is gone afterwards."},
)


def voice(seed: int) -> Pcm16:
    """Four seconds of a sound with wandering overtones, as a voice has."""
    rng = np.random.default_rng(seed)
    times = np.arange(4 * RATE_HZ) / RATE_HZ
    pitch = 120 + 15 * np.sin(2 * np.pi * 0.7 * times) + 5 * np.sin(2 * np.pi * 3.1 * times)
    phase = 2 * np.pi * np.cumsum(pitch) / RATE_HZ
    sound = sum(np.sin(n * phase) / n for n in range(1, 30)) + rng.normal(0, 0.02, len(times))
    return (sound / np.abs(sound).max() * 9000).astype(np.int16)


def visitors() -> list[Known]:
    """Two who got what was theirs."""
    found = [Known(n, dict(ANSWERS[n]), during_tones=voice(n)) for n in range(2)]
    for known in found:
        question, answer = next(iter(known.answers.items()))
        known.captions += [Words(1.0, True, question, True), Words(2.0, False, answer, False)]
        known.heard = [answer]
    return found


def test_nothing_is_found_where_nothing_leaks() -> None:
    assert leaks(visitors()) == []


def test_a_foreign_word_is_found() -> None:
    found = visitors()
    found[1].captions.append(Words(3.0, False, f"Your secret word is {found[0].secret}.", False))
    assert leaks(found) == ["visitor 1 read the word of visitor 0"]


def test_a_foreign_answer_is_found_even_when_it_was_cut_off() -> None:
    found = visitors()
    found[0].captions.append(Words(3.0, False, "Nothing is kept. It all", False))
    assert leaks(found) == ["visitor 0 read an answer to visitor 1"]
    found[0].captions.append(Words(3.5, True, "is this a riddle", True))
    assert leaks(found) == [], "its own question was misheard and may have got that answer"


def test_the_answer_to_no_question_may_be_anybodys() -> None:
    found = visitors()
    found[0].captions.append(Words(3.0, False, "Nothing is kept. It all", False))
    found[0].untold_s = (2.5, 3.5)
    assert leaks(found) == []
    found[0].captions.append(Words(3.1, False, f"Your word is {found[1].secret}.", False))
    assert leaks(found) == ["visitor 0 read the word of visitor 1"]


def test_foreign_speech_is_found() -> None:
    found = visitors()
    found[0].captions.append(Words(3.0, True, "Where is my voice kept?", True))
    found[1].heard = ["in four steps your speech becomes words and words get an answer"]
    assert leaks(found) == [
        "visitor 0 read what visitor 1 had said",
        "visitor 1 heard an answer to visitor 0",
    ]


def test_a_third_track_is_found() -> None:
    found = visitors()
    found[1].tracks = 3
    assert leaks(found) == ["visitor 1 was offered 3 tracks"]


@pytest.mark.parametrize("level_db", [0, -10])
def test_a_foreign_tone_is_found_under_a_voice(level_db: float) -> None:
    found = visitors()
    hum = tone(found[0].tone_hz).pcm.astype(np.float64) * 10 ** (level_db / 20)
    heard = found[1].during_tones.astype(np.float64)
    heard[RATE_HZ // 2 : RATE_HZ // 2 + len(hum)] += hum
    found[1].during_tones = heard.astype(np.int16)
    assert leaks(found) == ["visitor 1 heard the tone of visitor 0"]


def test_no_tone_is_found_in_a_voice_or_in_silence() -> None:
    assert not any(has_tone(voice(seed), Known(n, {}).tone_hz) for seed in range(3) for n in range(16))
    assert not has_tone(np.zeros(3 * RATE_HZ, np.int16), 1015.0)
    assert not has_tone(tone(1015.0).pcm[:RATE_HZ], 1015.0), "too short to tell"


def test_no_tone_is_found_in_real_speech(data: object) -> None:
    pcm = read(data / "speech" / "jfk.wav").pcm  # type: ignore[operator]
    assert not any(has_tone(pcm, Known(n, {}).tone_hz) for n in range(16))
