"""Steady noise goes, what is said stays, and silence is left alone."""

from __future__ import annotations

import numpy as np
import pytest

from appliance.face.denoise import denoised

RATE_HZ = 16_000


def _tone() -> np.ndarray:
    """A second of silence, a second of a tone that swells and falls ten times, and half a second of silence."""
    times_s = np.arange(RATE_HZ) / RATE_HZ
    tone = np.sin(2 * np.pi * 440 * times_s) * np.sin(np.pi * 10 * times_s) ** 2 * 0.3
    return np.concatenate([np.zeros(RATE_HZ), tone, np.zeros(RATE_HZ // 2)]).astype(np.float32)


def _noise(level: float) -> np.ndarray:
    return np.random.default_rng(1).normal(0, level, len(_tone())).astype(np.float32)


def test_noise_becomes_quieter_and_the_tone_stays() -> None:
    tone, noise = _tone(), _noise(0.02)
    clear = denoised(tone + noise)
    assert clear.dtype == np.float32 and clear.shape == tone.shape
    before_db, after_db = (10 * np.log10(np.mean(tone**2) / np.mean((x - tone) ** 2)) for x in (tone + noise, clear))
    assert after_db > before_db + 5
    assert clear[RATE_HZ : 2 * RATE_HZ] @ tone[RATE_HZ : 2 * RATE_HZ] > 0.95 * (tone @ tone)


def test_a_click_in_silence_and_silence_itself_are_left_alone() -> None:
    pcm = np.zeros(RATE_HZ, np.float32)
    assert np.array_equal(denoised(pcm), pcm)
    pcm[5000] = 0.5
    assert np.array_equal(denoised(pcm), pcm), "too little to tell noise from"


@pytest.mark.parametrize("n_samples", [1, 127, 128, 129, 24_001])
def test_any_length_keeps_its_length_and_its_place(n_samples: int) -> None:
    pcm = np.random.default_rng(2).normal(0, 0.1, n_samples).astype(np.float32)
    clear = denoised(pcm)
    assert clear.shape == pcm.shape and np.isfinite(clear).all()
    if n_samples > RATE_HZ:
        assert int(np.argmax(np.correlate(clear[4000:8000], pcm[4000:8000], "same"))) == 2000
