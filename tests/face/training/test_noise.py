"""Sounds that are not speech: many kinds, in range, the same for the same seed."""

from __future__ import annotations

import numpy as np

from appliance.face.training.noise import CLIP_S, clips


def test_clips_are_in_range_and_differ() -> None:
    made = list(clips(3, 12))
    assert all(clip.shape == (round(CLIP_S * 16000),) and clip.dtype == np.float32 for clip in made)
    peaks = np.array([np.abs(clip).max() for clip in made])
    assert peaks.max() <= 1
    assert peaks.max() > 20 * peaks.min()


def test_a_seed_gives_the_same_clips() -> None:
    assert all(np.array_equal(a, b) for a, b in zip(clips(5, 3), clips(5, 3), strict=True))


def test_some_come_in_bursts_and_some_are_steady() -> None:
    """Loudness over 100 ms pieces: steady noise hardly varies, breath does."""
    spreads = [clip.reshape(50, -1).std(1) for clip in clips(1, 20)]
    ratios = np.array([loud.max() / max(1e-9, loud.min()) for loud in spreads])
    assert (ratios < 2).any()
    assert (ratios > 20).any()
