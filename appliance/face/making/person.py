"""What a photo or a film gives of a person: what was seen, what the face net learns of her, and her idle loop."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from appliance.face.making.checks import Examination
from appliance.face.making.landmarks import Face
from appliance.face.making.lessons import Lessons

Floats = NDArray[np.float32]
Pixels = NDArray[np.uint8]
Progress = Callable[[float, str], None]
"""Called with the share of the work that is done, and what is at work."""


@dataclass(frozen=True, slots=True, eq=False)
class Held:
    """Mouths that the net does not learn from."""

    frames: NDArray[np.int64]
    """(n,): the loop's frame of each."""
    mouths: Floats
    """(n, 8): its parameters."""
    pictures: Pixels
    """(n, 96, 192, 3) BGR: the lower half of the box as it should be drawn."""


@dataclass(frozen=True, slots=True, eq=False)
class Person:
    """One person, ready to be taught to the net."""

    lessons: Lessons
    """What the net learns."""
    held: Held
    """What it is measured by."""
    loop: Iterable[Pixels]
    """The idle loop, BGR, drawn as it is asked for."""
    n_loop: int
    """Frames of it."""
    boxes: Sequence[tuple[int, int, int]]
    """left, top and side of the face's box in each of them, or one for all; pixels, even."""
    behind: NDArray[np.bool_] | None
    """(h, w): where nothing should ever move; None where the camera itself does."""
    ai_label: str
    """The words that tell a visitor that it is generated."""
    licence: str
    """Of the pack."""


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """A photo or a film that was examined."""

    shown: Pixels | None
    """The picture that shows what was found, BGR; None where there is none."""
    faces: list[Face]
    """The faces in it, the largest first."""
    examination: Examination
    """What was found."""
    person: Callable[[Progress], Person]
    """Takes out what an avatar is made of, where nothing was refused; raises a MediaError where it cannot."""
