"""Cuts speech into the windows that Whisper is run on: as short as the model stays sound, never shorter."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from appliance.errors import MediaError

RATE_HZ = 16_000

Samples = npt.NDArray[np.float32]

LEAD_S = 0.5
"""Silence put before the speech. Without it a short window makes Whisper say a word or two again and again."""
# Window in seconds -> most seconds of speech in it. Whisper was trained on 30 s windows; with less than about 1.2 s of
# silence behind the speech a short one makes it say the end twice (seen at 8.8 s in a 10 s window, never at 8.0 s).
_WINDOWS = ((10, 7.5), (15, 13.0), (30, 29.0))
LONGEST_S = _WINDOWS[-1][0]
_SEARCH_S = 8.0
"""A longer recording is cut at the quietest place in so many seconds before a window is full."""
_QUIET_S = 0.2
"""Length of that quiet place."""


def window_s(speech_s: float) -> int:
    """Seconds of the window for `speech_s` (at most 29) seconds of speech: 10, 15 or 30."""
    return next(window for window, longest_s in _WINDOWS if speech_s <= longest_s)


def pieces(pcm: Samples) -> Iterator[Samples]:
    """Cut `pcm` ((n,) float32, 16 kHz mono) into pieces that fit a window, at quiet places; nothing is lost."""
    longest = int(_WINDOWS[-1][1] * RATE_HZ)
    start = 0
    while len(pcm) - start > longest:
        search_from = start + longest - int(_SEARCH_S * RATE_HZ)
        end = search_from + _quietest(pcm[search_from : start + longest])
        yield pcm[start:end]
        start = end
    yield pcm[start:]


def led(pcm: Samples) -> Samples:
    """`pcm` with LEAD_S of digital silence before it."""
    return np.concatenate((np.zeros(int(LEAD_S * RATE_HZ), np.float32), pcm))


def loudest_dbfs(pcm: Samples) -> float:
    """Level of the loudest 0.1 s, in dB below full scale; -120 is digital silence."""
    n = RATE_HZ // 10
    frames = np.pad(pcm, (0, -len(pcm) % n)).reshape(-1, n)
    return float(10 * np.log10(np.square(frames).mean(axis=1).max() + 1e-12))


def checked(pcm: npt.NDArray[np.generic], longest_s: float) -> Samples:
    """`pcm` as float32, if it is speech at all.

    Raises:
        MediaError: codes empty, too-long (over `longest_s`), not-mono, not-finite.
    """
    if pcm.ndim != 1:
        raise MediaError(f"speech must be one channel of samples, not {pcm.ndim} dimensions", code="not-mono")
    if not len(pcm):
        raise MediaError("the recording is empty", code="empty", hint="record at least one word")
    if len(pcm) > longest_s * RATE_HZ:
        raise MediaError(
            f"the recording is {len(pcm) / RATE_HZ:.0f} s long; one question may last {longest_s:.0f} s",
            code="too-long",
            hint="cut it",
        )
    samples = np.ascontiguousarray(pcm, np.float32)
    if not np.isfinite(samples).all():
        raise MediaError("the recording has samples that are no numbers", code="not-finite")
    return samples


def _quietest(pcm: Samples) -> int:
    """Index of the middle of the quietest place."""
    n = int(_QUIET_S * RATE_HZ)
    energy = np.cumsum(np.square(pcm, dtype=np.float64))
    return int(np.argmin(energy[n:] - energy[:-n])) + n // 2
