"""What Whisper sees of speech: samples come in, the log-mel picture of a whole window goes out.

The same numbers as faster-whisper's `FeatureExtractor`, made only where there is speech: the silence behind it is a
constant.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from appliance.ears.windows import RATE_HZ, Samples

Features = npt.NDArray[np.float32]

FRAMES_HZ = 100
"""Frames a second."""
_HOP = RATE_HZ // FRAMES_HZ
_N_FFT = 400
_HALF = _N_FFT // 2
_QUIETEST = np.float32(1e-10)
_RANGE = np.float32(8.0)
"""Decades below the loudest moment at which the picture is cut off."""


class LogMel:
    """Makes the pictures of one model."""

    def __init__(self, filters: Features) -> None:
        """
        Args:
            filters: (bands, 201) float32, the model's own mel filters.
        """
        self._filters = np.ascontiguousarray(filters.T)
        self._fade = np.hanning(_N_FFT + 1)[:-1].astype(np.float32)

    def __call__(self, pcm: Samples, seconds: int) -> Features:
        """
        Args:
            pcm: (n,) float32, 16 kHz mono, shorter than the window by at least 0.02 s.
            seconds: the window.
        Returns:
            (bands, seconds * 100) float32, as if digital silence stood behind the speech.
        Source: faster_whisper.feature_extractor; held to it by tests/ears/test_features.py.
        """
        n_speech = (len(pcm) + _HALF - 1) // _HOP + 1  # frames that reach into the speech
        level = np.log10(np.maximum(self._power(pcm, n_speech), _QUIETEST))
        loudest = max(level.max(), np.log10(_QUIETEST))
        floor = loudest - _RANGE
        picture = np.full((self._filters.shape[1], seconds * FRAMES_HZ), max(floor, np.log10(_QUIETEST)), np.float32)
        picture[:, :n_speech] = np.maximum(level, floor).T
        picture += np.float32(4.0)
        picture /= np.float32(4.0)
        return picture

    def _power(self, pcm: Samples, n_frames: int) -> Features:
        """(n_frames, bands) mel power of the first frames."""
        heard = np.zeros(max((n_frames - 1) * _HOP + _N_FFT, _N_FFT), np.float32)
        heard[_HALF : _HALF + len(pcm)] = pcm
        heard[:_HALF] = heard[2 * _HALF : _HALF : -1]  # the library mirrors the beginning
        frames = np.lib.stride_tricks.sliding_window_view(heard, _N_FFT)[::_HOP]
        spectrum = np.fft.rfft(frames * self._fade)
        return (np.square(spectrum.real) + np.square(spectrum.imag)) @ self._filters
