"""A stretch of sound in, the same with its steady noise taken out (spectral subtraction, Boll 1979)."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

_N_FFT, _HOP = 512, 128
"""32 ms windows, 8 ms apart, at 16 kHz."""
_QUIET_SHARE = 0.3
"""Of a stretch, so much is taken to hold no more than noise in a band."""
_BANDS = 9
"""Bins of the spectrum over which the noise is as loud."""
_STRENGTH, _LEFT = 1.5, 0.3
"""How many times the noise is subtracted, and the share of a bin's level that always stays: less would twitter."""
_FEWEST = 20
"""Windows with sound in them, from which noise can be told."""
_SILENT = 1e-7
"""A window's power up to which it is silence that was put there."""


def denoised(pcm: Floats) -> Floats:
    """Take out of (n,) sound in [-1, 1] what is as loud all through it, band by band; digital silence apart."""
    count = -(-len(pcm) // _HOP)
    padded = np.pad(pcm, (_N_FFT, _N_FFT + count * _HOP - len(pcm)))
    spectra = np.fft.rfft(np.lib.stride_tricks.sliding_window_view(padded, _N_FFT)[::_HOP] * _window(), axis=1)
    powers = spectra.real**2 + spectra.imag**2
    sounding = powers[powers.sum(1) > _SILENT]
    if len(sounding) < _FEWEST:
        return pcm
    # Powers of noise are spread exponentially: its mean, by their quantile.
    rank = int(_QUIET_SHARE * len(sounding))
    noise = np.partition(sounding, rank, axis=0)[rank] / -np.log(1 - _QUIET_SHARE)
    noise = np.convolve(noise, np.full(_BANDS, 1 / _BANDS), "same").astype(np.float32)
    gains = np.sqrt(np.maximum(1 - _STRENGTH * noise / np.maximum(powers, 1e-12), _LEFT**2))
    clear = np.asarray(np.fft.irfft(spectra * gains, _N_FFT, axis=1), np.float32)
    return _overlapped(clear * _window())[_N_FFT : _N_FFT + len(pcm)]


def _overlapped(windows: Floats) -> Floats:
    """Add windows that are _HOP apart and were shaped twice."""
    parts = _N_FFT // _HOP
    sums = np.zeros((len(windows) + parts - 1, _HOP), np.float32)
    for part in range(parts):
        sums[part : part + len(windows)] += windows[:, part * _HOP : (part + 1) * _HOP]
    # Squared Hann windows at a quarter's distance add up to 1.5.
    return sums.reshape(-1) / np.float32(1.5)


@cache
def _window() -> Floats:
    return np.hanning(_N_FFT + 1)[:_N_FFT].astype(np.float32)
