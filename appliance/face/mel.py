"""Speech in, Wav2Lip's mel windows out: one (80, 16) window for every video frame, whole or as the speech arrives."""

from __future__ import annotations

from functools import lru_cache
from math import ceil, floor

import numpy as np
from numpy.typing import NDArray

from appliance.errors import AvatarError

Floats = NDArray[np.float32]

RATE_HZ = 16_000
N_FFT = 800
HOP = 200
N_MELS = 80
WINDOW = 16
"""Mel frames in one window: 200 ms."""
MELS_PER_S = RATE_HZ // HOP
FLOOR = -4.0
"""What digital silence becomes."""
_SILENT, _SOUNDING = -3.2, -2.5
_PREEMPHASIS = 0.97
_FMIN_HZ, _FMAX_HZ = 55.0, 7600.0
_MIN_LEVEL_DB, _REF_LEVEL_DB = -100.0, 20.0


def mel_spectrogram(pcm: Floats) -> Floats:
    """Turn speech into Wav2Lip's normalised mel spectrogram.

    Args:
        pcm: (n,) float32 in [-1, 1], 16 kHz mono, at least 401 samples (shorter is padded with silence).
    Returns:
        (80, 1 + n // 200) float32 in [-4, 4]; column j is centred on sample 200 * j, edges are reflected.
    Raises:
        AvatarError: pcm is not one-dimensional, or not finite.
    Source: Rudrabha/Wav2Lip audio.py and hparams.py with librosa 0.7; held to them by tests/face/test_mel.py.
    """
    pcm = _checked(pcm)
    if len(pcm) <= N_FFT // 2:
        pcm = np.pad(pcm, (0, N_FFT // 2 + 1 - len(pcm)))
    emphasised = _emphasised(pcm, np.float32(0.0))
    return _columns(np.pad(emphasised, N_FFT // 2, mode="reflect"))


class MelWindows:
    """Cuts speech that arrives in pieces into one mel window per video frame.

    Pieces of any length give exactly what the whole speech would give in one push.
    """

    def __init__(self, *, fps: int = 25, offset_s: float = 0.0) -> None:
        """Start a speech.

        Args:
            fps: video frames per second, 1 to 60.
            offset_s: where the window of frame i starts, in seconds from i / fps. Wav2Lip uses 0; a net that was
                trained on centred windows says so in its metadata (-0.08).
        """
        self._step = MELS_PER_S / fps
        self._offset = offset_s * MELS_PER_S
        self._fps = fps
        self._samples = 0
        self._last = np.float32(0.0)
        self._head = np.zeros(0, np.float32)
        # The emphasised signal from sample 200 * _column - 400 on, once the reflected start is known.
        self._tail: Floats | None = None
        # Mel columns from number _first on; the silence before the speech is column -1 and below.
        lead = max(0, ceil(-self._offset))
        self._first = -lead
        self._mels = np.full((N_MELS, lead), FLOOR, np.float32)
        self._frame = 0
        self._finished = False

    def push(self, pcm: Floats) -> Floats:
        """Add speech; return the windows, (n, 80, 16), of the frames whose right context is now complete.

        Raises:
            AvatarError: pcm is not one-dimensional or not finite, or the speech was already finished.
        """
        if self._finished:
            raise AvatarError("speech was pushed after its end", code="avatar-input", hint="start a new MelWindows")
        pcm = _checked(pcm)
        if not len(pcm):
            return self._cut(limit=None)
        self._samples += len(pcm)
        emphasised = _emphasised(pcm, self._last)
        self._last = np.float32(pcm[-1])
        self._extend(emphasised)
        return self._cut(limit=None)

    def finish(self) -> Floats:
        """End the speech with silence and return the rest: in all ceil(seconds * fps) windows."""
        frames = ceil(self._samples * self._fps / RATE_HZ)
        if frames:
            needed = floor((frames - 1) * self._step + self._offset) + WINDOW
            samples = max(0, (needed - 1) * HOP + N_FFT // 2 + 1 - self._samples)
            silence = np.zeros(max(samples, N_FFT), np.float32)
            self._extend(_emphasised(silence, self._last))
        self._finished = True
        return self._cut(limit=frames)

    def _extend(self, emphasised: Floats) -> None:
        if self._tail is None:
            self._head = np.concatenate([self._head, emphasised])
            if len(self._head) <= N_FFT // 2:
                return
            self._tail = np.pad(self._head, (N_FFT // 2, 0), mode="reflect")
            self._head = self._head[:0]
        else:
            self._tail = np.concatenate([self._tail, emphasised])
        count = (len(self._tail) - N_FFT) // HOP + 1
        if count > 0:
            self._mels = np.concatenate([self._mels, _columns(self._tail[: (count - 1) * HOP + N_FFT])], axis=1)
            self._tail = self._tail[count * HOP :]

    def _cut(self, limit: int | None) -> Floats:
        windows: list[Floats] = []
        while limit is None or self._frame < limit:
            start = floor(self._frame * self._step + self._offset) - self._first
            if start + WINDOW > self._mels.shape[1]:
                break
            windows.append(self._mels[:, start : start + WINDOW])
            self._frame += 1
        drop = min(self._mels.shape[1], max(0, floor(self._frame * self._step + self._offset) - self._first))
        cut = np.stack(windows) if windows else np.zeros((0, N_MELS, WINDOW), np.float32)
        self._mels = self._mels[:, drop:]
        self._first += drop
        return cut


def mel_windows(pcm: Floats, *, fps: int = 25, offset_s: float = 0.0) -> Floats:
    """Cut a whole speech into one mel window per video frame: (ceil(seconds * fps), 80, 16) in [-4, 4]."""
    stream = MelWindows(fps=fps, offset_s=offset_s)
    return np.concatenate([stream.push(pcm), stream.finish()])


def presence(windows: Floats, *, offset_s: float = -0.08) -> Floats:
    """Tell how much sound is around each picture, as its window, (n, 80, 16), holds it: (n,) from 0, silence, to 1.

    The loudest band decides; one unit of mel is 12.5 dB. 0 is reached some 70 dB, 1 some 60 dB under a full-scale tone.

    Args:
        offset_s: where windows start, see `MelWindows`. The middle 125 ms of centred ones count; of one that starts at
            its picture, as Wav2Lip's, what is heard then counts as well: else mouths would rest before the sound ends.
    """
    first = min(max(round(-offset_s * MELS_PER_S) - 3, 0), 3)
    loudest = windows[:, :, first:13].max(axis=(1, 2), initial=FLOOR)
    return np.clip((loudest - _SILENT) / (_SOUNDING - _SILENT), 0.0, 1.0).astype(np.float32)


def _checked(pcm: Floats) -> Floats:
    if pcm.ndim != 1:
        raise AvatarError(f"speech has {pcm.ndim} dimensions, not 1", code="avatar-input", hint="mix it to mono")
    if not np.isfinite(pcm).all():
        raise AvatarError("speech holds values that are not finite", code="avatar-input", hint="check its decoder")
    return pcm.astype(np.float32, copy=False)


def _emphasised(pcm: Floats, before: np.float32) -> Floats:
    """Raise the treble, given the sample before the first."""
    emphasised = pcm.copy()
    emphasised[1:] -= np.float32(_PREEMPHASIS) * pcm[:-1]
    emphasised[:1] -= np.float32(_PREEMPHASIS) * before
    return emphasised


def _columns(emphasised: Floats) -> Floats:
    """(80, columns) of the emphasised signal; column j is taken from sample 200 * j on, without padding."""
    frames = np.lib.stride_tricks.sliding_window_view(emphasised, N_FFT)[::HOP]
    magnitudes = np.abs(np.fft.rfft(frames * _hann(), axis=1)).astype(np.float32)
    level = np.maximum(np.float32(1e-5), magnitudes @ _mel_basis().T)
    scaled = 8.0 * (20.0 * np.log10(level) - _REF_LEVEL_DB - _MIN_LEVEL_DB) / -_MIN_LEVEL_DB - 4.0
    return np.clip(scaled, -4.0, 4.0).astype(np.float32).T


@lru_cache(maxsize=1)
def _hann() -> Floats:
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(N_FFT) / N_FFT)).astype(np.float32)


@lru_cache(maxsize=1)
def _mel_basis() -> Floats:
    """(80, 401) triangles on Slaney's mel scale, each of unit area, as librosa.filters.mel makes them by default."""
    bins = np.linspace(0.0, RATE_HZ / 2, N_FFT // 2 + 1)
    edges = _mel_to_hz(np.linspace(_hz_to_mel(_FMIN_HZ), _hz_to_mel(_FMAX_HZ), N_MELS + 2))
    widths = np.diff(edges)
    ramps = edges[:, None] - bins[None, :]
    rising, falling = -ramps[:-2] / widths[:-1, None], ramps[2:] / widths[1:, None]
    triangles = np.maximum(0.0, np.minimum(rising, falling))
    return (triangles * (2.0 / (edges[2:] - edges[:-2]))[:, None]).astype(np.float32)


# Slaney's scale: linear below 1 kHz (15 mel), then 27 mel to a factor of 6.4.
def _hz_to_mel(hz: float) -> float:
    return 3 * hz / 200 if hz < 1000 else 15 + 27 * float(np.log(hz / 1000) / np.log(6.4))


def _mel_to_hz(mels: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(mels < 15, 200 * mels / 3, 1000 * 6.4 ** ((mels - 15) / 27))
