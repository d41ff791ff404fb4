"""A photo of a person in, what an avatar is made of out: a portrait that is drawn in any pose with any mouth."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from appliance.face.making import background
from appliance.face.making.checks import examine
from appliance.face.making.idle import pose_at
from appliance.face.making.landmarks import Face, FaceFinder
from appliance.face.making.lessons import draw_lessons, spoken_mouths
from appliance.face.making.matting import Matter
from appliance.face.making.pack import FPS, LOOP
from appliance.face.making.person import Held, Person, Progress, Seen
from appliance.face.making.photo import read_photo
from appliance.face.making.portrait import REST, Portrait
from appliance.face.making.still import cut

Pixels = NDArray[np.uint8]

_AI_LABEL = "This face was made from a photo and is moved by software."
_LICENCE = "LicenseRef-photo"
_SEED, _HELD_SEED = 7, 11
_N_HELD = 40
_BEHIND = 0.02
"""Less person than this in a pixel is background."""


def look(path: Path, models: Path, behind: str | Pixels | None) -> Seen:
    """Read and examine a photo.

    Args:
        models: folder of the nets that read it.
        behind: what is put behind the person, see `background.read`; None keeps what is there.
    Raises:
        MediaError: it is no picture.
    """
    photo = read_photo(path)
    faces = FaceFinder(models).find(photo)
    return Seen(
        photo, faces, examine(photo, faces), lambda progress: _person(photo, faces[0], models, behind, progress)
    )


def _person(photo: Pixels, face: Face, models: Path, behind: str | Pixels | None, progress: Progress) -> Person:
    progress(0.0, "drawing what the net learns")
    still = cut(photo, face)
    matte = Matter(models).matte(still.picture)
    if behind is not None:
        still = replace(still, picture=background.in_front_of(still.picture, matte, behind))
    portrait = Portrait(still, matte)
    lessons = draw_lessons(portrait, still.box, frames=LOOP, fps=FPS, seed=_SEED)
    return Person(
        lessons, _held(portrait, still.box), _loop(portrait), LOOP, [still.box], matte < _BEHIND, _AI_LABEL, _LICENCE
    )


def _held(portrait: Portrait, box: tuple[int, int, int]) -> Held:
    mouths = spoken_mouths(_N_HELD, _HELD_SEED)
    frames = np.linspace(0, LOOP, len(mouths), endpoint=False).astype(np.int64)
    drawn = [
        portrait.draw(mouth, pose_at(int(frame), LOOP, FPS), box)[box[2] // 2 :]
        for mouth, frame in zip(mouths, frames, strict=True)
    ]
    return Held(frames, mouths, np.stack(drawn))


def _loop(portrait: Portrait) -> Iterator[Pixels]:
    for frame in range(LOOP):
        yield portrait.draw(REST, pose_at(frame, LOOP, FPS))
