"""Loudness: one gain, peaks bent and never clipped, and the same in pieces as in one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.voice.loudness import gain, levelled, onset


def tone(level: float, n: int = 2205) -> np.ndarray:
    return (level * np.sin(np.arange(n) * 0.06)).astype(np.float32)


def test_a_voice_comes_to_the_same_loudness_however_loud_it_is() -> None:
    for level in (0.05, 0.3, 0.9):
        spoken = np.concatenate([tone(level), np.zeros(2000, np.float32)])  # silence does not count
        louder = levelled(tone(level), gain([spoken]))
        assert np.sqrt(np.square(louder).mean()) == pytest.approx(0.1, rel=0.05)


@pytest.mark.parametrize("spoken", [[], [np.zeros(100, np.float32)], [np.full(9, np.nan, np.float32)]])
def test_silence_and_nonsense_are_left_as_they_are(spoken: list[np.ndarray]) -> None:
    assert gain(spoken) == 1.0


def test_only_peaks_are_bent_and_none_is_clipped() -> None:
    pcm = np.linspace(-50, 50, 10_001, dtype=np.float32)
    bent = levelled(pcm, 1.0)
    assert np.all(np.diff(bent) >= 0)
    assert np.abs(bent).max() < 0.97
    quiet = np.abs(pcm) <= 0.7
    assert np.array_equal(bent[quiet], pcm[quiet])
    assert np.isfinite(levelled(np.array([np.nan, np.inf, -np.inf], np.float32), 1.0)).all()


@given(st.lists(st.floats(-3, 3, width=32), min_size=1, max_size=300), st.integers(0, 300))
def test_a_chunk_is_levelled_as_the_whole_is(values: list[float], at: int) -> None:
    pcm = np.array(values, np.float32)
    parts = np.concatenate([levelled(pcm[:at], 1.37), levelled(pcm[at:], 1.37)])
    assert np.array_equal(parts, levelled(pcm, 1.37))


def test_the_first_audible_sample_is_found() -> None:
    assert onset(np.array([0, 0.005, -0.2, 0], np.float32)) == 2
    assert onset(np.zeros(7, np.float32)) == 7
    assert onset(np.zeros(0, np.float32)) == 0
