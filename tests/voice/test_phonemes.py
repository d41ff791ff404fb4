"""Phoneme times: nothing is lost, marks go where they belong."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.phoneme import SILENCE, Phoneme
from appliance.voice.phonemes import phoneme_times


def spans(symbols: str, n_samples: list[int]) -> list[tuple[str, float]]:
    """Symbols with their lengths in samples."""
    times = phoneme_times(list(symbols), n_samples, 1)
    return [(time.symbol, time.end_s - time.start_s) for time in times]


def test_stress_goes_to_the_vowel_behind_it() -> None:
    assert spans("ðˈɛ", [10, 4, 20]) == [("ð", 10), ("ɛ", 24)]


def test_length_goes_to_the_vowel_before_it() -> None:
    assert spans("ɑːɹ", [10, 4, 20]) == [("ɑː", 14), ("ɹ", 20)]


def test_a_diacritic_goes_to_the_phoneme_before_it() -> None:
    assert spans("n\u0329tʰ", [10, 2, 6, 1]) == [("n\u0329", 12), ("tʰ", 7)]


def test_a_space_is_halved() -> None:
    assert spans("ɑ b", [10, 4, 20]) == [("ɑ", 12), ("b", 22)]


def test_ends_and_punctuation_are_pauses() -> None:
    assert spans("^a, b.$", [5, 10, 8, 4, 10, 6, 3]) == [
        (SILENCE, 5),
        ("a", 10),
        (SILENCE, 10),
        ("b", 12),
        (SILENCE, 9),
    ]


def test_times_are_seconds() -> None:
    assert phoneme_times(["^", "m", "$"], [220, 441, 220], 22_050) == (
        Phoneme(SILENCE, 0.0, 220 / 22_050),
        Phoneme("m", 220 / 22_050, 661 / 22_050),
        Phoneme(SILENCE, 661 / 22_050, 881 / 22_050),
    )


def test_symbols_and_durations_belong_together() -> None:
    with pytest.raises(ValueError):
        phoneme_times(["a", "b"], [1], 16_000)


@given(st.lists(st.tuples(st.sampled_from("^$ ˈˌːˑ,.abmɑ\u0329ʰ_"), st.integers(0, 5000)), max_size=40))
def test_times_have_no_gap_and_lose_nothing(pairs: list[tuple[str, int]]) -> None:
    times = phoneme_times([symbol for symbol, _ in pairs], [n for _, n in pairs], 22_050)
    assert all(before.end_s == after.start_s for before, after in pairwise(times))
    total_s = sum(n for _, n in pairs) / 22_050
    assert (times[-1].end_s if times else 0.0) == pytest.approx(total_s, abs=1e-9)
    assert all(time.start_s < time.end_s for time in times)
