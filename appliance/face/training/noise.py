"""Numbers in, sounds that are not speech out: hiss, hum, rumble, breath and knocks, for which a mouth stays closed."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from appliance.face.mel import RATE_HZ

Floats = NDArray[np.float32]

CLIP_S = 5.0


def clips(seed: int, count: int) -> Iterator[Floats]:
    """Make clips of 5 s, (80000,) float32 in [-1, 1], 16 kHz."""
    pick = np.random.default_rng(seed)
    for _ in range(count):
        sound = _coloured(pick) * _envelope(pick)
        if pick.random() < 0.3:
            sound = sound + pick.uniform(0.2, 2) * _hum(pick) * sound.std()
        level = 10 ** (pick.uniform(-60, -3) / 20)
        yield (sound / max(1e-9, float(np.abs(sound).max())) * level).astype(np.float32)


def _coloured(pick: np.random.Generator) -> NDArray[np.float64]:
    """White to brown noise with a random smooth spectrum."""
    count = round(CLIP_S * RATE_HZ)
    spectrum = np.fft.rfft(pick.normal(size=count))
    hertz = np.fft.rfftfreq(count, 1 / RATE_HZ)
    octaves = np.log2(np.maximum(hertz, 30) / 1000)
    ripple = np.interp(octaves, np.linspace(-5, 3, 7), pick.normal(0, pick.choice([0, 3, 8]), 7))
    decibels = -pick.choice([0.0, 0.0, 3.0, 6.0, pick.uniform(-1, 7)]) * octaves + ripple
    return np.fft.irfft(spectrum * 10 ** (decibels / 20), count)


def _envelope(pick: np.random.Generator) -> NDArray[np.float64]:
    """Steady, slowly changing, or in bursts as breath and knocks come."""
    count = round(CLIP_S * RATE_HZ)
    kind = pick.random()
    if kind < 0.5:
        return np.ones(count)
    if kind < 0.7:
        return 10 ** (np.interp(np.arange(count), np.linspace(0, count, 9), pick.uniform(-15, 0, 9)) / 20)
    loudness = np.full(count, 10 ** (pick.uniform(-60, -25) / 20))
    for _ in range(pick.integers(2, 6)):
        length = round(pick.choice([pick.uniform(0.03, 0.1), pick.uniform(0.25, 0.9)]) * RATE_HZ)
        start = int(pick.integers(0, count - length))
        loudness[start : start + length] += np.hanning(length) * pick.uniform(0.3, 1)
    return loudness


def _hum(pick: np.random.Generator) -> NDArray[np.float64]:
    times = np.arange(round(CLIP_S * RATE_HZ)) / RATE_HZ
    base = pick.choice([50.0, 60.0, 100.0, 120.0])
    return sum((np.sin(2 * np.pi * base * k * times + pick.uniform(0, 6)) / k for k in range(1, 12)), np.zeros(1))
