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
from appliance.face.stretches import AFTER, BEFORE, ENOUGH
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

    def hurry(self, pictures: int) -> Floats:
        """More is no longer waited for: at least so many rows, if sound is known, as if silence followed it."""
        ...

    def settle(self) -> Floats:
        """No more comes: the rows of all sound that is known, as if silence followed."""
        ...


class FromSound:
    """Mel windows, (n, 80, 16) in [-4, 4]."""

    def __init__(self, rate_hz: int, *, fps: int, offset_s: float) -> None:
        self._resampler = Resampler(rate_hz, RATE_HZ)
        self._new = lambda: MelWindows(fps=fps, offset_s=offset_s)
        self._mel = self._new()

    def push(self, pcm: Pcm16, phonemes: Sequence[Phoneme] = ()) -> Floats:
        return self._mel.push(self._resampler.push(pcm))

    def hurry(self, pictures: int) -> Floats:
        return self.settle()

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
        self._pcm = np.zeros(BEFORE, np.float32)  # what went before the speech, and what is not needed is cut off
        self._start = -BEFORE
        self._n_frames = 0

    def push(self, pcm: Pcm16, phonemes: Sequence[Phoneme] = ()) -> Floats:
        """The first picture waits for ENOUGH sound behind it, each later one for as much more as its own time, up to
        AFTER: a voice that is twice as fast as it is heard is never waited for."""
        self._pcm = np.concatenate([self._pcm, self._resampler.push(pcm)])
        return self._cut(max(self._known - AFTER, min((self._known - ENOUGH) // 2, AFTER - ENOUGH)))

    def hurry(self, pictures: int) -> Floats:
        return self._cut(min(self._known, (self._n_frames + pictures) * RATE_HZ // self._fps))

    def settle(self) -> Floats:
        self._pcm = np.concatenate([self._pcm, self._resampler.flush()])
        return self._cut(self._known)

    @property
    def _known(self) -> int:
        """Samples since the beginning."""
        return self._start + len(self._pcm)

    def _cut(self, end: int) -> Floats:
        """The stretches of the pictures before this sample."""
        middles = np.arange(self._n_frames, max(-(-end * self._fps // RATE_HZ), self._n_frames)) * RATE_HZ // self._fps
        pcm = np.pad(self._pcm, (0, AFTER))
        rows = [pcm[at - BEFORE : at + AFTER] for at in middles - self._start]
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

    def hurry(self, pictures: int) -> Floats:
        return self.settle()

    def settle(self) -> Floats:
        return self._until(-(-self._n_samples * self._fps // self._rate_hz))

    def _until(self, n_frames: int) -> Floats:
        times_s = np.arange(self._n_frames, max(n_frames, self._n_frames)) / self._fps
        self._n_frames += len(times_s)
        if not len(times_s):
            return np.empty((0, len(PARAMETERS)), np.float32)
        self._phonemes = [phoneme for phoneme in self._phonemes if phoneme.end_s > times_s[0] - _REACH_S]
        return tracks([phoneme for phoneme in self._phonemes if phoneme.start_s < times_s[-1] + _REACH_S], times_s)
