"""Pictures of a person who speaks in, what the face net learns of her own lips out: those mouths on her at rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray

from appliance.face.making.mouth import (
    AT,
    LOWER_INNER,
    LOWER_OUTER,
    UPPER_INNER,
    UPPER_OUTER,
    Mouth,
    edges,
    local,
    measure,
    over,
)
from appliance.face.making.pack import feathered
from appliance.face.making.rest import STABLE
from appliance.face.making.still import CORNERS, Still
from appliance.face.visemes import PARAMETERS

Floats = NDArray[np.float32]
Pixels = NDArray[np.uint8]
Line = NDArray[np.float64]

_AWAY_MAX_PX = 2.5
"""Mean distance of the points that do not move with the mouth, once the head is laid on the resting one."""
_OPEN_PX = 3.0
"""Lips less far apart teach nothing: how they press is not seen."""
_MISSED_MAX_PX = 3.0
"""Mean distance of the lips' edges from those that the parameters make."""
_FITTED = ("jaw", "wide", "round", "up")
_COLUMNS = np.linspace(8, len(AT) - 9, 9).astype(int)
"""Of an edge: where it is compared."""
_WIDTH_WEIGHT, _RIDGE = 30.0, 0.6
_ROUNDS, _STEP = 8, 0.02
_TOOTH = 0.62
"""Of the skin's brightness: what is as bright within the lips is a tooth."""
_TONGUE = 0.2
"""Where the tongue is, is not seen."""


@dataclass(frozen=True, slots=True, eq=False)
class Lesson:
    """One mouth on one resting face."""

    pose: int
    """Which of the resting faces."""
    mouth: Floats
    """(8,): its parameters."""
    picture: Pixels
    """(96, 192, 3) BGR: the lower half of the face's box with that mouth."""
    tooth: Line | None
    """(3,): BGR of the teeth that are seen; None where there are none."""


class OwnLips:
    """Lays pictures of a speaking person on her resting faces."""

    def __init__(self, stills: Sequence[Still]) -> None:
        """
        Args:
            stills: her at rest, in several poses.
        """
        self._stills = stills
        self._mouths = [measure(still.points) for still in stills]

    def lesson(self, picture: Pixels, points: Floats) -> Lesson | None:
        """What a picture teaches, (h, w, 3) uint8 BGR with its (468, 3) points; None where it teaches nothing."""
        laid = [_laid(points, still) for still in self._stills]
        pose = int(np.argmin([away for _, away in laid]))
        matrix, away = laid[pose]
        still, mouth = self._stills[pose], self._mouths[pose]
        if away > _AWAY_MAX_PX:
            return None
        moved = points.copy()
        moved[:, :2] = points[:, :2] @ matrix[:, :2].T + matrix[:, 2]
        observed = Lips.of(moved, mouth)
        if observed.gap < _OPEN_PX:
            return None
        params, missed = fit(mouth, observed)
        if missed > _MISSED_MAX_PX:
            return None
        left, top, side = still.box
        onto = matrix.copy()
        onto[:, 2] -= (left, top)
        shown = np.asarray(cv2.warpAffine(picture, onto, (side, side), flags=cv2.INTER_CUBIC), np.uint8)
        rest = still.picture[top : top + side, left : left + side]
        teeth, tooth = _teeth(shown, moved[:, :2] - (left, top), rest)
        params[PARAMETERS.index("teeth")] = teeth
        params[PARAMETERS.index("tongue")] = _TONGUE
        return Lesson(pose, params, _faded(shown, rest)[side // 2 :], tooth)


@dataclass(frozen=True, slots=True, eq=False)
class Lips:
    """Where a mouth's edges are seen, in the resting mouth's own coordinates."""

    width: float
    """Beside the resting mouth's."""
    lines: tuple[Line, Line, Line, Line]
    """Outer and inner top, inner and outer low, over AT."""

    @classmethod
    def of(cls, points: Floats, mouth: Mouth) -> Self:
        """Read them off a face's points, (468, 3), laid on the resting one."""
        here = local(points, mouth.middle, mouth.tilt)
        right, left = (here[at, 0] - mouth.centre for at in CORNERS)
        lines = [
            over(here[list(edge)], mouth.centre, (-right, left))
            for edge in (UPPER_OUTER, UPPER_INNER, LOWER_INNER, LOWER_OUTER)
        ]
        return cls((left - right) / sum(mouth.halves), (lines[0], lines[1], lines[2], lines[3]))

    @property
    def gap(self) -> float:
        """How far the lips are apart at most."""
        return float((self.lines[2] - self.lines[1]).max())


def fit(mouth: Mouth, seen: Lips) -> tuple[Floats, float]:
    """The parameters whose lips come nearest to those seen, (8,), and how far they miss them, pixels.

    Gauss and Newton's steps with differences for derivatives; what is not seen stays 0.
    """
    at = [PARAMETERS.index(name) for name in _FITTED]
    params = np.zeros(len(PARAMETERS), np.float32)
    params[at] = 0.3, 0.3, 0.2, 0.2
    for _ in range(_ROUNDS):
        misses = _misses(mouth, params, seen)
        slopes = np.empty((len(misses), len(at)))
        for column, which in enumerate(at):
            moved = params.copy()
            moved[which] += _STEP
            slopes[:, column] = (_misses(mouth, moved, seen) - misses) / _STEP
        step = np.linalg.solve(
            slopes.T @ slopes + _RIDGE * np.eye(len(at)), -slopes.T @ misses - _RIDGE * (params[at] - 0.2)
        )
        params[at] = np.clip(params[at] + step, 0, 1)
    lines = _misses(mouth, params, seen)[:-1]
    return params, float(np.abs(lines).mean())


def _misses(mouth: Mouth, params: Floats, seen: Lips) -> Line:
    made = edges(mouth, params)
    lines = (made.outer_top, made.inner_top, made.inner_low, made.outer_low)
    apart = [(line - other)[_COLUMNS] for line, other in zip(lines, seen.lines, strict=True)]
    return np.concatenate([*apart, [_WIDTH_WEIGHT * (made.width - seen.width)]])


def _laid(points: Floats, still: Still) -> tuple[Line, float]:
    """How a head is laid on the resting one, (2, 3), and how far it then lies from it, pixels.

    Source: Umeyama, Least-squares estimation of transformation parameters (1991).
    """
    one, other = (face[list(STABLE), :2].astype(np.float64) for face in (points, still.points))
    middle, onto = one.mean(0), other.mean(0)
    a, b = one - middle, other - onto
    left, sizes, right = np.linalg.svd(b.T @ a)
    flip = np.array([1.0, np.sign(np.linalg.det(left @ right))])
    turn = (left * flip) @ right
    scale = float((sizes * flip).sum() / (a**2).sum())
    matrix = np.concatenate([scale * turn, (onto - scale * turn @ middle)[:, None]], 1)
    away = np.linalg.norm(one @ matrix[:, :2].T + matrix[:, 2] - other, axis=1)
    return matrix, float(away.mean())


def _teeth(shown: Pixels, points: Floats, rest: Pixels) -> tuple[float, Line | None]:
    """How much of the upper half of the opening is as bright as teeth, and their colour."""
    skin = float(np.median(cv2.cvtColor(rest, cv2.COLOR_BGR2GRAY)[96:120, 40:60]))
    inside: list[Pixels] = []
    for up, low in zip(UPPER_INNER[3:8], LOWER_INNER[3:8], strict=True):
        ends = np.rint(np.linspace(points[up], points[low], 12)[1:6]).astype(int)
        columns, rows = np.clip(ends, 0, len(shown) - 1).T
        inside.append(shown[rows, columns])
    colours = np.concatenate(inside).astype(np.float64)
    teeth = colours[colours @ (0.114, 0.587, 0.299) > _TOOTH * skin]
    return len(teeth) / len(colours), np.asarray(np.percentile(teeth, 70, axis=0)) if len(teeth) else None


def _faded(shown: Pixels, rest: Pixels) -> Pixels:
    """The speaking face's mouth and jaw on the resting face, as bright as that one around them."""
    mask = feathered(len(rest)).astype(np.float32)[:, :, None] / 255
    edge = (mask[:, :, 0] > 0.02) & (mask[:, :, 0] < 0.4)
    gain = (rest[edge].astype(np.float32).mean(0) + 1) / (shown[edge].astype(np.float32).mean(0) + 1)
    mixed = shown * np.clip(gain, 0.8, 1.25) * mask + rest * (1 - mask)
    return np.clip(mixed + 0.5, 0, 255).astype(np.uint8)
