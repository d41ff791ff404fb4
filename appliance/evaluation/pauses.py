"""Puts a pause into a recording, as a visitor makes one who searches for a word: a recording in, another one out."""

from __future__ import annotations

import numpy as np

from appliance.evaluation.microphone import Recording
from appliance.evaluation.timeline import AUDIBLE, RATE_HZ, Pcm16, audible

_WINDOW = RATE_HZ // 100
_MIDDLE = (0.3, 0.7)
"""Part of the recording in which the gap between two words is looked for."""
_GAP = 4
"""Windows of a gap: 40 ms."""
_FADE = RATE_HZ // 200
_QUIET = 0.06
"""Of the loudest: what is softer is between two words."""
_OWN = 40
"""Windows of a pause of its own: 0.4 s."""
_ROOM_MAX = AUDIBLE * 32768 / 4
"""The room's own noise in the pause stays well under what counts as heard."""


def fluent(recording: Recording) -> bool:
    """Whether a recording has no pause of its own: an answer that is heard later in it was not begun in ours."""
    span = audible(recording.pcm)
    assert span is not None
    levels = _levels(recording.pcm[span[0] : span[1]])
    spoken = np.flatnonzero(levels >= _QUIET * np.percentile(levels, 95))
    return not len(spoken) or int(np.diff(spoken).max(initial=0)) < _OWN


def paused(recording: Recording, pause_s: float) -> Recording:
    """The same words with `pause_s` of the room's own silence at the quietest place near the middle.

    The pause lasts from the last audible sample before it to the first after it, as the visitor's listener has it.
    """
    pcm = recording.pcm
    span = audible(pcm)
    assert span is not None
    first, last = span
    levels = _levels(pcm)
    window_of = [round((first + part * (last - first)) / _WINDOW) for part in _MIDDLE]
    gaps = np.convolve(levels, np.ones(_GAP) / _GAP, mode="valid")
    low = window_of[0] + int(np.argmin(gaps[window_of[0] : window_of[1]]))
    at = (low + _GAP // 2) * _WINDOW
    head, tail = _faded(pcm[:at], end=True), _faded(pcm[at:], end=False)
    before, after = audible(head), audible(tail)
    assert before is not None
    assert after is not None
    quiet = round(pause_s * RATE_HZ) - (len(head) - before[1]) - after[0]
    room = _room(pcm, levels, max(quiet, 0))
    end = len(head) + len(room) + after[0]
    return Recording(recording.name, np.concatenate((head, room, tail)), pause=(before[1], end))


def _levels(pcm: Pcm16) -> np.ndarray:
    windows = pcm[: len(pcm) // _WINDOW * _WINDOW].reshape(-1, _WINDOW).astype(np.float64)
    return np.sqrt(np.mean(windows**2, axis=1))


def _faded(pcm: Pcm16, *, end: bool) -> Pcm16:
    """Without a click where it was cut."""
    ramp = np.ones(len(pcm))
    size = min(_FADE, len(pcm))
    if end:
        ramp[len(pcm) - size :] = np.linspace(1, 0, size)
    else:
        ramp[:size] = np.linspace(0, 1, size)
    return (pcm * ramp).astype(np.int16)


def _room(pcm: Pcm16, levels: np.ndarray, n_samples: int) -> Pcm16:
    """Noise as loud as the recording's quietest tenth."""
    level = min(float(np.percentile(levels, 10)), _ROOM_MAX / 4) if len(levels) else 0.0
    noise = np.random.default_rng(len(pcm)).normal(0, level, n_samples)
    return np.clip(noise, -_ROOM_MAX, _ROOM_MAX).astype(np.int16)
