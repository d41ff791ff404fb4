"""Windows: the smallest that is sound, long recordings cut where it is quiet, bad input refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.ears import windows
from appliance.ears.windows import LEAD_S, RATE_HZ, checked, led, loudest_dbfs, pieces, window_s
from appliance.errors import MediaError


@pytest.mark.parametrize(
    ("speech_s", "seconds"), [(0.01, 10), (7.5, 10), (7.51, 15), (13.0, 15), (13.1, 30), (29.0, 30)]
)
def test_a_window_leaves_silence_behind_the_speech(speech_s: float, seconds: int) -> None:
    assert window_s(speech_s) == seconds
    assert seconds - LEAD_S - speech_s >= 0.5


def test_a_short_utterance_is_one_piece() -> None:
    pcm = np.ones(7 * RATE_HZ, np.float32)
    assert [len(piece) for piece in pieces(pcm)] == [7 * RATE_HZ]


def test_a_long_recording_is_cut_in_its_pause() -> None:
    pcm = np.random.default_rng(0).normal(0, 0.1, 40 * RATE_HZ).astype(np.float32)
    pcm[int(24.5 * RATE_HZ) : int(25.0 * RATE_HZ)] = 0.0
    first, second = pieces(pcm)
    assert 24.5 * RATE_HZ <= len(first) <= 25.0 * RATE_HZ
    assert len(first) + len(second) == len(pcm)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 120 * RATE_HZ), st.integers(0, 2**31))
def test_nothing_is_lost_and_every_piece_fits(n: int, seed: int) -> None:
    pcm = np.resize(np.random.default_rng(seed).normal(0, 0.1, 4096), n).astype(np.float32)
    cut = list(pieces(pcm))
    assert np.array_equal(np.concatenate(cut), pcm)
    assert all(0 < len(piece) <= 29 * RATE_HZ for piece in cut)
    assert all(len(piece) >= 20 * RATE_HZ for piece in cut[:-1])


def test_the_lead_is_silence_before() -> None:
    window = led(np.full(RATE_HZ, 0.5, np.float32))
    assert window.dtype == np.float32
    assert not np.any(window[: RATE_HZ // 2])
    assert np.all(window[RATE_HZ // 2 :] == 0.5)
    assert len(window) == 1.5 * RATE_HZ


def test_loudness_is_that_of_the_loudest_moment() -> None:
    pcm = np.zeros(RATE_HZ, np.float32)
    assert loudest_dbfs(pcm) == pytest.approx(-120.0)
    pcm[3200:4800] = 0.1
    assert loudest_dbfs(pcm) == pytest.approx(-20.0, abs=0.01)


@pytest.mark.parametrize(
    ("pcm", "code"),
    [
        (np.empty(0, np.float32), "empty"),
        (np.zeros((2, 160), np.float32), "not-mono"),
        (np.array([0.0, np.nan], np.float32), "not-finite"),
        (np.array([0.0, np.inf], np.float32), "not-finite"),
        (np.broadcast_to(np.float32(0.0), 7200 * RATE_HZ), "too-long"),
    ],
)
def test_what_is_no_question_is_refused_by_name(pcm: np.ndarray, code: str) -> None:
    with pytest.raises(MediaError) as refused:
        checked(pcm, 120.0)
    assert refused.value.code == code


def test_samples_of_another_type_become_float32() -> None:
    assert checked(np.zeros(10, np.float64), 1.0).dtype == np.float32


def test_every_bucket_is_shorter_than_its_window() -> None:
    assert all(LEAD_S + longest < window for window, longest in windows._WINDOWS)
