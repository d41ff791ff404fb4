"""An utterance's sound in as it comes, what drives its mouth out: one row a picture, for the renderer.

Of speech alone that is a stretch of the sound itself, where there is what hears it, or a mel window, which the net
listens to. Where the voice tells its phonemes, it is the mouth itself: eight parameters, exact, and closed in
every pause.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from appliance.face.mel import RATE_HZ, MelWindows
from appliance.face.resampler import Resampler
from appliance.face.stretches import AFTER, BEFORE
from appliance.face.visemes import PARAMETERS, tracks
from appliance.phoneme import Phoneme

Floats = NDArray[np.float32]
Pcm16 = NDArray[np.int16]

_REACH_S = 0.6
"""Phonemes further away than this do not shape the mouth."""


class Drive(Protocol):
    """Of one utterance."""

    def push(self, pcm: Pcm16, phonemes: Sequence[Phoneme] = ()) -> Floats:
        """More sound, (n,): the rows of the pictures that can be drawn now, (pictures, ...)."""
        ...

    def settle(self) -> Floats:
        """No more for now: the rows of all sound that is known, as if silence followed."""
        ...


class FromSound:
    """Mel windows, (n, 80, 16) in [-4, 4]."""

    def __init__(self, rate_hz: int, *, fps: int, offset_s: float) -> None:
        self._resampler = Resampler(rate_hz, RATE_HZ)
        self._new = lambda: MelWindows(fps=fps, offset_s=offset_s)
        self._mel = self._new()

    def push(self, pcm: Pcm16, phonemes: Sequence[Phoneme] = ()) -> Floats:
        return self._mel.push(self._resampler.push(pcm))

    def settle(self) -> Floats:
        known = self._mel.push(self._resampler.flush())
        rest = self._mel.finish()
        self._mel = self._new()
        return np.concatenate([known, rest])


class FromSpeech:
    """Stretches of the sound around each picture's time, (n, BEFORE + AFTER) in [-1, 1] at 16 kHz."""

    def __init__(self, rate_hz: int, *, fps: int) -> None:
        self._resampler = Resampler(rate_hz, RATE_HZ)
        self._fps = fps
        self._begin()

    def push(self, pcm: Pcm16, phonemes: Sequence[Phoneme] = ()) -> Floats:
        return self._cut(self._resampler.push(pcm))

    def settle(self) -> Floats:
        rows = self._cut(np.pad(self._resampler.flush(), (0, AFTER)))
        self._begin()
        return rows

    def _begin(self) -> None:
        self._pcm = np.zeros(BEFORE, np.float32)  # what went before the speech, and what is not needed is cut off
        self._start = -BEFORE
        self._n_frames = 0

    def _cut(self, more: Floats) -> Floats:
        """The stretches that are complete now."""
        self._pcm = np.concatenate([self._pcm, more])
        stop = -(-(self._start + len(self._pcm) - AFTER) * self._fps // RATE_HZ)
        middles = np.arange(self._n_frames, max(stop, self._n_frames)) * RATE_HZ // self._fps - self._start
        rows = [self._pcm[middle - BEFORE : middle + AFTER] for middle in middles]
        self._n_frames += len(rows)
        drop = self._n_frames * RATE_HZ // self._fps - BEFORE - self._start
        self._pcm, self._start = self._pcm[drop:], self._start + drop
        return np.stack(rows) if rows else np.empty((0, BEFORE + AFTER), np.float32)


class FromPhonemes:
    """Mouth parameters, (n, 8) in [0, 1]. A clause's phonemes come with its first sound."""

    def __init__(self, rate_hz: int, *, fps: int) -> None:
        self._rate_hz, self._fps = rate_hz, fps
        self._phonemes: list[Phoneme] = []
        self._n_samples = self._n_frames = 0

    def push(self, pcm: Pcm16, phonemes: Sequence[Phoneme] = ()) -> Floats:
        self._phonemes += phonemes
        self._n_samples += len(pcm)
        return self._until(self._n_samples * self._fps // self._rate_hz)

    def settle(self) -> Floats:
        return self._until(-(-self._n_samples * self._fps // self._rate_hz))

    def _until(self, n_frames: int) -> Floats:
        times_s = np.arange(self._n_frames, max(n_frames, self._n_frames)) / self._fps
        self._n_frames += len(times_s)
        if not len(times_s):
            return np.empty((0, len(PARAMETERS)), np.float32)
        self._phonemes = [phoneme for phoneme in self._phonemes if phoneme.end_s > times_s[0] - _REACH_S]
        return tracks([phoneme for phoneme in self._phonemes if phoneme.start_s < times_s[-1] + _REACH_S], times_s)
