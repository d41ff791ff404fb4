"""Piper's phonemes put where they sound: all a hop earlier, a consonant behind a vowel earlier still, never a gap."""

from __future__ import annotations

from itertools import pairwise

import pytest

from appliance.phoneme import SILENCE, Phoneme, as_heard, vowels_ended


def said(*parts: tuple[str, float]) -> list[Phoneme]:
    """Phonemes of these lengths, without a gap."""
    found: list[Phoneme] = []
    for symbol, seconds in parts:
        start_s = found[-1].end_s if found else 0.0
        found.append(Phoneme(symbol, start_s, start_s + seconds))
    return found


def test_a_consonant_begins_in_the_vowel_before_it() -> None:
    vowel, stop, last = vowels_ended(said(("ɑː", 0.2), ("p", 0.1), ("ɐ", 0.1)), 0.04)
    assert vowel.end_s == stop.start_s == pytest.approx(0.16)
    assert stop.end_s == last.start_s == pytest.approx(0.3), "where it ends was right"


def test_a_short_vowel_keeps_half_of_itself() -> None:
    vowel, stop = vowels_ended(said(("ə", 0.05), ("m", 0.1)), 0.04)
    assert vowel.end_s == stop.start_s == pytest.approx(0.025)


@pytest.mark.parametrize("second", ["ɪ", SILENCE])
def test_vowels_and_pauses_begin_where_they_did(second: str) -> None:
    phonemes = said(("ɑ", 0.2), (second, 0.1))
    assert vowels_ended(phonemes, 0.04) == phonemes


def test_some_consonants_alone_can_be_named() -> None:
    phonemes = said(("ɑ", 0.2), ("b", 0.1), ("ɑ", 0.2), ("t", 0.1))
    found = vowels_ended(phonemes, 0.03, before="ptk")
    assert found[:2] == phonemes[:2]
    assert found[3].start_s == pytest.approx(0.47)


def test_pipers_phonemes_are_heard_earlier_and_without_a_gap() -> None:
    phonemes = said((SILENCE, 0.1), ("m", 0.08), ("ɑ", 0.2), ("p", 0.1), ("ɐ", 0.1), (SILENCE, 0.2))
    heard = as_heard(phonemes)
    assert [phoneme.symbol for phoneme in heard] == [phoneme.symbol for phoneme in phonemes]
    assert all(first.end_s == pytest.approx(second.start_s) for first, second in pairwise(heard))
    assert heard[1].start_s == pytest.approx(0.1 - 0.0116)
    assert heard[3].start_s == pytest.approx(0.38 - 0.0116 - 0.04)
