"""Speech at one rate in, the same speech at another out, in pieces."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from livekit import rtc

_FULL_SCALE = 32768.0


class Resampler:
    """A streaming resampler from int16 to float32 in [-1, 1]; equal rates pass through."""

    def __init__(self, from_hz: int, to_hz: int) -> None:
        self._from_hz = from_hz
        self._inner = None if from_hz == to_hz else rtc.AudioResampler(from_hz, to_hz)

    def push(self, pcm: npt.NDArray[np.int16]) -> npt.NDArray[np.float32]:
        """(n,) in; what can be given already, out: a few samples are held back until `flush`."""
        if self._inner is None:
            return pcm.astype(np.float32) / _FULL_SCALE
        frame = rtc.AudioFrame(pcm.tobytes(), self._from_hz, 1, len(pcm))
        return _floats(self._inner.push(frame))

    def flush(self) -> npt.NDArray[np.float32]:
        """The samples held back."""
        return _floats(self._inner.flush()) if self._inner is not None else np.empty(0, np.float32)


def _floats(frames: list[rtc.AudioFrame]) -> npt.NDArray[np.float32]:
    if not frames:
        return np.empty(0, np.float32)
    return np.concatenate([np.frombuffer(f.data, np.int16) for f in frames]).astype(np.float32) / _FULL_SCALE
