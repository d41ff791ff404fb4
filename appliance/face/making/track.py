"""A film's pictures in, one person's face in each of them out; what no avatar can be made of is refused with a picture.

The face is looked for in a picture a second, and followed in those between.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from appliance.face.making.checks import SECOND, Examination, Finding, examine
from appliance.face.making.landmarks import Face, FaceFinder
from appliance.face.making.pack import FPS

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]

LOST_S = 0.5
"""Longest time without a face that is bridged."""
_LOOK = FPS
"""Pictures from one look for faces to the next."""
_EXAMINED = 12
"""Pictures that are examined as a photo is, spread over the film."""
_JUMP, _GROWTH = 0.35, 1.3
"""How far a face may go from one picture to the next, of its width, and how much it may grow: more is a cut."""
_PASSING = frozenset({"mouth-open", "eyes-closed"})
"""What a person who speaks and blinks does."""
_OFTEN = 0.5
"""What is wrong in so many of the examined pictures is wrong with the film."""


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """What was seen."""

    points: Floats
    """(n, 468, 3): the face's points in each picture, pixels of it; (0, 468, 3) where the film is refused."""
    examination: Examination
    """What was found."""
    shown: Pixels | None
    """The picture that shows it; None where there is none at all."""
    faces: list[Face]
    """The faces in that one."""


class _Refused(Exception):
    def __init__(self, finding: Finding, shown: Pixels, faces: list[Face]) -> None:
        super().__init__(finding.sentence)
        self.finding, self.shown, self.faces = finding, shown, faces


def watch(pictures: Iterable[Pixels], n_expected: int, finder: FaceFinder, progress: Callable[[float], None]) -> Track:
    """Follow the person through a film.

    Args:
        n_expected: how many pictures there are, about.
    Raises:
        MediaError: what `pictures` raises.
    """
    follower = _Follower(finder)
    step = max(1, n_expected // _EXAMINED)
    examined: list[tuple[Pixels, Face, Examination]] = []
    shown: Pixels | None = None
    try:
        for at, shown in enumerate(pictures):
            face = follower.see(shown)
            if face is not None and at % step == 0:
                examined.append((shown, face, examine(shown, [face])))
            progress(min(1.0, at / max(n_expected, 1)))
        if shown is not None:
            follower.end(shown)
    except _Refused as refused:
        found = Examination((refused.finding,), {})
        return Track(np.empty((0, 468, 3), np.float32), found, refused.shown, refused.faces)
    if shown is None or not examined:
        found = Examination.refused("no-face", "No face of a person was found.", "Film a person from the front.")
        return Track(np.empty((0, 468, 3), np.float32), found, shown, [])
    picture, face, found = _judged(examined)
    return Track(follower.points(), found, picture, [face])


class _Follower:
    """The face, picture by picture."""

    def __init__(self, finder: FaceFinder) -> None:
        self._finder = finder
        self._face: Face | None = None
        self._seen: list[Floats | None] = []
        self._lost = 0

    def see(self, picture: Pixels) -> Face | None:
        """The face in the next picture; None where it is hidden for a moment."""
        number = len(self._seen)
        face = self._finder.follow(picture, self._face) if self._face is not None else None
        if face is None or number % _LOOK == 0:
            face = self._look(picture, number, face)
        if face is None:
            self._lost += 1
            self._check_lost(picture)
        else:
            self._check_jump(picture, face, number)
            self._face, self._lost = face, 0
        self._seen.append(face.points if face is not None else None)
        return face

    def end(self, last: Pixels) -> None:
        """The film is over: where it ends without a face, that was not for a moment."""
        if self._face is None:
            self._lost = round(LOST_S * FPS) + 1
            self._check_lost(last)

    def points(self) -> Floats:
        """(n, 468, 3): those of pictures without a face lie between those around them."""
        known = [at for at, points in enumerate(self._seen) if points is not None]
        rows = np.stack([points for points in self._seen if points is not None])
        at = np.interp(np.arange(len(self._seen)), known, np.arange(len(known)))
        low = np.floor(at).astype(int)
        high, share = np.minimum(low + 1, len(rows) - 1), (at - low)[:, None, None].astype(np.float32)
        return (rows[low] * (1 - share) + rows[high] * share).astype(np.float32)

    def _look(self, picture: Pixels, number: int, followed: Face | None) -> Face | None:
        faces = self._finder.find(picture)
        if len(faces) > 1 and faces[1].box[2] > SECOND * faces[0].box[2]:
            sentence = f"There are {len(faces)} faces at {number / FPS:.1f} s."
            raise _Refused(
                Finding("several-faces", True, sentence, "Film one person alone.", faces[1].box), picture, faces
            )
        return faces[0] if faces else followed

    def _check_lost(self, picture: Pixels) -> None:
        if self._lost <= LOST_S * FPS:
            return
        if self._face is None:
            advice = "Film a person from the front, from closer, in good light."
            raise _Refused(Finding("no-face", True, "No face of a person was found.", advice, None), picture, [])
        at_s = (len(self._seen) - self._lost + 1) / FPS
        sentence = f"From {at_s:.1f} s on there is no face for more than {LOST_S:g} s."
        raise _Refused(Finding("face-lost", True, sentence, "Stay in the picture.", None), picture, [])

    def _check_jump(self, picture: Pixels, face: Face, number: int) -> None:
        if self._face is None:
            return
        before, now = self._face.box, face.box
        steps = self._lost + 1
        middle = [start + size / 2 for start, size in ((now[0], now[2]), (now[1], now[3]))]
        was = [start + size / 2 for start, size in ((before[0], before[2]), (before[1], before[3]))]
        far = float(np.hypot(middle[0] - was[0], middle[1] - was[1])) > _JUMP * before[2] * steps
        grown = max(now[2] / before[2], before[2] / now[2]) > _GROWTH**steps
        if far or grown:
            sentence = f"At {number / FPS:.1f} s the picture jumps, as if the film were cut there."
            raise _Refused(
                Finding("video-cut", True, sentence, "Give one take, without cuts.", face.box), picture, [face]
            )


def _judged(examined: list[tuple[Pixels, Face, Examination]]) -> tuple[Pixels, Face, Examination]:
    """What is wrong in many pictures, shown by the first one with the gravest of it."""
    often = Counter(
        (finding.code, finding.refused)
        for _, _, found in examined
        for finding in found.findings
        if finding.code not in _PASSING
    )
    kept = {what for what, count in often.items() if count >= _OFTEN * len(examined)}

    def of(found: Examination) -> list[Finding]:
        return [finding for finding in found.findings if (finding.code, finding.refused) in kept]

    shown = max(examined, key=lambda item: sum(2 if finding.refused else 1 for finding in of(item[2])))
    figures: dict[str, float] = {
        name: round(float(np.median([found.figures[name] for _, _, found in examined if name in found.figures])), 3)
        for name in shown[2].figures
    }
    return shown[0], shown[1], Examination(tuple(of(shown[2])), figures)
