"""The sound around each picture in, whole runs of it out: a stretch a picture, as `drive.FromSpeech` cuts them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from appliance.face.mel import HOP, RATE_HZ, WINDOW, mel_spectrogram, presence

Floats = NDArray[np.float32]

BEFORE, AFTER = 8000, 16000
"""Samples of a stretch before and after its picture's time; zeros where none are known."""
ENOUGH = 5280
"""Samples behind the first picture of an utterance that are waited for: what the last of 32 rows of HuBERT's features
reads. For later pictures more is."""


@dataclass(frozen=True, slots=True)
class Run:
    """Stretches that overlap, put together."""

    pcm: Floats
    """(n,) float32 in [-1, 1], 16 kHz, from BEFORE samples before the first picture to AFTER behind the last."""
    middles: NDArray[np.int64]
    """(pictures,) the sample at which each is shown."""


def runs(stretches: Floats, times_s: NDArray[np.float64]) -> Iterator[Run]:
    """Put stretches together; a new run begins where two pictures lie too far apart for that, times go back, or more
    was known of the sound behind one than behind the one before it.

    Args:
        stretches: (n, BEFORE + AFTER) float32 in [-1, 1], 16 kHz, the sound around each picture.
        times_s: (n,) when each is shown.
    """
    wanted = np.rint(np.diff(times_s) * RATE_HZ).astype(np.int64)
    steps = np.array([_step(*pair) for pair in zip(stretches[:-1], stretches[1:], wanted.tolist(), strict=True)], int)
    starts = [0, *(np.flatnonzero(steps == 0) + 1).tolist()]
    for start, stop in zip(starts, [*starts[1:], len(stretches)], strict=True):
        own = steps[start : stop - 1]
        news = [stretch[-step:] for stretch, step in zip(stretches[start + 1 : stop], own, strict=True)]
        middles = BEFORE + np.concatenate([np.zeros(1, np.int64), np.cumsum(own)])
        yield Run(np.concatenate([stretches[start], *news]), middles)


def _step(one: Floats, other: Floats, wanted: int) -> int:
    """By how many samples the sound of one goes on in the other, as many as `wanted` but for rounding; 0 if not."""
    near = [step for step in (wanted, wanted + 1, wanted - 1) if 0 < step <= AFTER]
    return next((step for step in near if np.array_equal(one[step:], other[:-step])), 0)


def loudness(stretches: Floats) -> Floats:
    """How much sound there is in each stretch around its picture's time, (n,) in [0, 1]: see `mel.presence`."""
    half = WINDOW * HOP // 2
    mels = [mel_spectrogram(stretch[BEFORE - half : BEFORE + half])[:, :WINDOW] for stretch in stretches]
    return presence(np.stack(mels))
