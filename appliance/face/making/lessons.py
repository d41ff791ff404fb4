"""A portrait in, what the face net learns of this person out: her poses, with mouths as speech makes them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from appliance.face.making.idle import pose_at
from appliance.face.making.portrait import REST, Portrait
from appliance.face.visemes import PARAMETERS, TABLE, tracks
from appliance.phoneme import SILENCE, Phoneme

Floats = NDArray[np.float32]
Pixels = NDArray[np.uint8]

POSES, MOUTHS = 20, 36
"""Poses of the loop, and mouths drawn in each."""
_PHONE_S = (0.05, 0.16)
"""How long a phoneme lasts, from and to."""


@dataclass(frozen=True, slots=True, eq=False)
class Lessons:
    """One person in several poses with many mouths."""

    references: Pixels
    """(poses, 192, 192, 3) BGR: the face's box in each pose, its mouth at rest."""
    places: Floats
    """(poses, 6): where its mouth is, see `Portrait.place`."""
    poses: NDArray[np.int64]
    """(n,): the pose of each picture."""
    mouths: Floats
    """(n, 8): its mouth parameters."""
    pictures: Pixels
    """(n, 96, 192, 3) BGR: the lower half as it should be drawn."""


def draw_lessons(portrait: Portrait, box: tuple[int, int, int], *, frames: int, fps: int, seed: int) -> Lessons:
    """Draw one person's face in poses of her loop of so many frames."""
    poses = [
        pose_at(frame, frames, fps) for frame in np.linspace(0, frames, POSES, endpoint=False).astype(int).tolist()
    ]
    references = np.stack([portrait.draw(REST, pose, box) for pose in poses])
    mouths = np.concatenate([np.zeros((POSES, len(PARAMETERS)), np.float32), spoken_mouths(POSES * MOUTHS, seed)])
    at = np.arange(len(mouths)) % POSES
    drawn = [portrait.draw(mouth, poses[place], box)[box[2] // 2 :] for mouth, place in zip(mouths, at, strict=True)]
    places = np.stack([portrait.place(pose) for pose in poses])
    return Lessons(references, places, at.astype(np.int64), mouths, np.stack(drawn))


def spoken_mouths(n: int, seed: int) -> Floats:
    """(n, 8): six in ten out of made-up speech, three single phonemes more or less strong, one of any kind."""
    pick = np.random.default_rng(seed)
    speech = _babble(n * 6 // 10, pick)
    symbols = [symbol for symbol in TABLE if symbol != SILENCE]
    n_single = n * 3 // 10
    targets = np.stack([TABLE[symbols[at]][0] for at in pick.integers(len(symbols), size=n_single)])
    single = targets * pick.uniform(0.4, 1.0, (n_single, 1)).astype(np.float32)
    anything = pick.random((n - len(speech) - n_single, len(PARAMETERS))).astype(np.float32)
    anything[:, PARAMETERS.index("press")] *= pick.random(len(anything)) < 0.3
    anything[:, PARAMETERS.index("tuck")] *= pick.random(len(anything)) < 0.2
    return np.concatenate([speech, single, anything]).astype(np.float32)


def _babble(n: int, pick: np.random.Generator) -> Floats:
    """(n, 8): mouths at random moments of phonemes in random order."""
    symbols = list(TABLE)
    ends_s = np.cumsum(pick.uniform(*_PHONE_S, size=2 * n))
    starts_s = np.concatenate([[0.0], ends_s[:-1]])
    phones = [
        Phoneme(symbols[pick.integers(len(symbols))], float(start), float(end))
        for start, end in zip(starts_s, ends_s, strict=True)
    ]
    return tracks(phones, np.sort(pick.uniform(0, float(ends_s[-1]), n)))
