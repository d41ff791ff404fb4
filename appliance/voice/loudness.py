"""Brings a voice to the house's loudness: one gain for all it says, so that a chunk need not know the rest."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float32]

_LEVEL = 0.1
"""Root mean square of what sounds, -20 dBFS. Piper itself scales every piece to its own peak, so that a quiet clause
would jump out."""
_KNEE, _CEILING = 0.7, 0.97
"""Peaks above the knee are bent so that none reaches the ceiling."""
_HEARD = 0.01
"""Of full scale at the house's loudness: what can be heard."""


def gain(spoken: Sequence[Samples]) -> float:
    """What to multiply a voice by, from sentences it has said."""
    pcm = np.concatenate([np.zeros(1, np.float32), *spoken])
    loud = np.abs(pcm) > 0.05 * np.abs(pcm).max()
    level = float(np.sqrt(np.square(pcm[loud]).mean())) if loud.any() else 0.0
    return _LEVEL / level if np.isfinite(level) and level > 1e-4 else 1.0


def levelled(pcm: Samples, by: float) -> Samples:
    """`pcm` times `by`, never clipped; every sample by itself."""
    louder = np.nan_to_num(pcm, posinf=1.0, neginf=-1.0) * np.float32(by)
    size = np.abs(louder)
    over = np.maximum(size - np.float32(_KNEE), 0) / np.float32(_CEILING - _KNEE)
    bent = np.float32(_KNEE) + np.float32(_CEILING - _KNEE) * (over / (1 + over))
    return np.where(size > _KNEE, np.copysign(bent, louder), louder).astype(np.float32)


def onset(pcm: Samples) -> int:
    """Index of the first sample of levelled speech that can be heard; its length if there is none."""
    heard = np.abs(pcm) > _HEARD
    return int(heard.argmax()) if heard.any() else len(pcm)
