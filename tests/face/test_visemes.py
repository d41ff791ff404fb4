"""The teacher's mouths: closed where lips close, open where vowels are, at rest in pauses, and never jumping."""

from __future__ import annotations

import numpy as np
import pytest

from appliance.face.visemes import PARAMETERS, TABLE, shape, tracks
from appliance.phoneme import SILENCE, Phoneme

JAW, ROUND, TUCK, PRESS = (PARAMETERS.index(name) for name in ("jaw", "round", "tuck", "press"))


def speech(*symbols: str, seconds: float = 0.1) -> list[Phoneme]:
    return [Phoneme(symbol, 0.5 + seconds * at, 0.5 + seconds * (at + 1)) for at, symbol in enumerate(symbols)]


def at(phones: list[Phoneme], *moments: float) -> np.ndarray:
    return tracks(phones, np.array(moments))


def test_the_mouth_rests_before_and_after() -> None:
    mouth = at(speech("ɑ", "m", "ɑ"), 0.0, 0.2, 1.2, 3.0)
    assert mouth.max() < 0.02


@pytest.mark.parametrize("symbol", ["p", "b", "m"])
def test_lips_press_on_labials_and_the_vowels_beside_stay_open(symbol: str) -> None:
    phones = speech("ɑ", symbol, "ɑ")
    closed, first, last = at(phones, 0.63 if symbol != "m" else 0.65, 0.52, 0.77)
    assert closed[PRESS] > 0.9
    assert min(first[JAW], last[JAW]) > 0.7
    assert max(first[PRESS], last[PRESS]) < 0.15


def test_a_short_vowel_still_opens() -> None:
    """At 70 ms a phone, a vowel between two stops reaches two thirds of its jaw."""
    phones = speech("p", "æ", "p", "æ", "t", seconds=0.07)
    assert at(phones, 0.5 + 1.5 * 0.07)[0, JAW] > 0.66 * TABLE["æ"][0][JAW]


def test_lips_round_before_the_rounded_vowel_sounds() -> None:
    early = at(speech("s", "u"), 0.565)[0, ROUND]
    assert 0.15 < early < at(speech("s", "u"), 0.65)[0, ROUND]


def test_the_lower_lip_goes_under_the_teeth() -> None:
    assert at(speech("ɑ", "f", "ɑ"), 0.65)[0, TUCK] > 0.9


def test_a_pause_closes_the_mouth_and_a_gap_does_not() -> None:
    pause = [Phoneme("ɑ", 0.0, 0.2), Phoneme(SILENCE, 0.2, 0.6), Phoneme("ɑ", 0.6, 0.8)]
    gap = [Phoneme("ɑ", 0.0, 0.2), Phoneme(SILENCE, 0.2, 0.24), Phoneme("ɑ", 0.24, 0.44)]
    assert at(pause, 0.4)[0, JAW] < 0.05
    assert at(gap, 0.22)[0, JAW] > 0.5


def test_diphthongs_move_through_both_their_sounds() -> None:
    first, last = at([Phoneme("aʊ", 0.0, 0.3)], 0.06, 0.26)
    assert first[JAW] > 0.8 > last[JAW]
    assert last[ROUND] > 0.5 > first[ROUND]


def test_tracks_are_smooth_and_in_range() -> None:
    phones = speech(*"hələʊwɜːldpbmfvsʃ", seconds=0.06)
    mouth = tracks(phones, np.arange(0, 2.5, 0.01))
    assert mouth.min() >= 0
    assert mouth.max() <= 1
    assert np.abs(np.diff(mouth, axis=0)).max() < 0.45


def test_unknown_symbols_are_a_neutral_vowel() -> None:
    assert shape("ǃ") is shape("ə")
    assert shape("tˈ") is shape("t")


def test_no_phones_is_silence() -> None:
    assert tracks([], np.arange(5) / 25).max() == 0
