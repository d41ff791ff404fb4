"""The log-mel picture: the same as faster-whisper's own, whatever the length of the speech."""

from __future__ import annotations

import numpy as np
import pytest
from faster_whisper.feature_extractor import FeatureExtractor
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.ears.features import Features, LogMel
from appliance.ears.windows import RATE_HZ, Samples


def library(pcm: Samples, seconds: int, bands: int = 80) -> Features:
    window = np.zeros(seconds * RATE_HZ, np.float32)
    window[: len(pcm)] = pcm
    return FeatureExtractor(feature_size=bands)(window)[:, : seconds * 100]


def ours(pcm: Samples, seconds: int, bands: int = 80) -> Features:
    return LogMel(FeatureExtractor(feature_size=bands).mel_filters)(pcm, seconds)


def speech(n: int, level: float, seed: int = 0) -> Samples:
    """Hiss that swells and fades."""
    hiss = np.random.default_rng(seed).normal(0.0, level, n)
    return (hiss * (1.0 + np.sin(np.arange(n) / 1500.0))).astype(np.float32)


@settings(max_examples=20)
@given(st.integers(1, 29 * RATE_HZ), st.sampled_from([1e-6, 1e-3, 0.1, 0.5]), st.integers(0, 100))
def test_it_is_the_librarys_picture(n: int, level: float, seed: int) -> None:
    pcm = speech(n, level, seed)
    np.testing.assert_allclose(ours(pcm, 30), library(pcm, 30), atol=2e-4)


@pytest.mark.parametrize(("seconds", "bands"), [(10, 80), (15, 80), (30, 128)])
def test_every_window_and_model(seconds: int, bands: int) -> None:
    pcm = speech(3 * RATE_HZ + 77, 0.1)
    picture = ours(pcm, seconds, bands)
    assert picture.shape == (bands, seconds * 100)
    assert picture.dtype == np.float32
    assert picture.flags.c_contiguous
    np.testing.assert_allclose(picture, library(pcm, seconds, bands), atol=2e-4)


def test_the_edges_of_a_frame() -> None:
    for n in (1, 159, 160, 199, 200, 201, 359, 360, 361, 400):
        pcm = speech(n, 0.1)
        np.testing.assert_allclose(ours(pcm, 10), library(pcm, 10), atol=2e-4)


def test_silence_is_one_colour() -> None:
    picture = ours(np.zeros(RATE_HZ, np.float32), 10)
    assert np.ptp(picture) == 0.0
    np.testing.assert_array_equal(picture, library(np.zeros(RATE_HZ, np.float32), 10))
