"""A face's points and eight mouth parameters in, where the lips' edges go out: the geometry of the net's own layout.

All lengths are pixels of the face's box; x runs across the mouth and y down, both from the middle between its corners.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from appliance.face.making.still import CORNERS, eyes

Floats = NDArray[np.float32]
Line = NDArray[np.float64]

UPPER_OUTER = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291)
LOWER_OUTER = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291)
UPPER_INNER = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308)
LOWER_INNER = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308)
JAW = (234, 93, 132, 58, 172, 136, 150, 149, 176, 148, 152, 377, 400, 378, 379, 365, 397, 288, 361, 323, 454)
NOSE = 2

AT = np.linspace(-1, 1, 81)
"""Where the edges are known, from the right corner to the left one."""
_NEUTRAL = 0.82
"""A mouth's width at rest, in distances between the eyes; a smile's is wider."""
_INNER = 0.93
"""Where the lips begin to part, beside their corners."""
_CLOSED_PX = 1.7
"""Lips less far apart than this are closed: the points of closed lips are no closer to each other."""


@dataclass(frozen=True, slots=True, eq=False)
class Mouth:
    """A mouth as the photo has it."""

    middle: Floats
    """(2,): between the corners, pixels of the picture."""
    tilt: float
    """Radians, clockwise."""
    halves: tuple[float, float]
    """From the middle of the lips to the right and to the left corner."""
    centre: float
    """Where the middle of the lips is across, 0 in a face that looks straight ahead."""
    outer_top: Line
    """(81,): upper edge of the upper lip."""
    inner_top: Line
    """(81,): its lower edge."""
    inner_low: Line
    """(81,): upper edge of the lower lip."""
    outer_low: Line
    """(81,): its lower edge."""
    smile: float
    """0: as wide as at rest, 1: a broad smile."""
    nose: float
    """y of the nose's base."""
    jaw: tuple[Line, Line]
    """x and y of the jaw's line, from ear to ear."""

    @property
    def half(self) -> float:
        """Half the mouth's width."""
        return sum(self.halves) / 2

    @property
    def gap(self) -> float:
        """How far the lips are apart at most; 0 where they are closed."""
        return float((self.inner_low - self.inner_top).max())


@dataclass(frozen=True, slots=True, eq=False)
class Edges:
    """The lips' edges for some parameters, over `AT`."""

    width: float
    """The mouth's width beside the photo's."""
    outer_top: Line
    """Upper edge of the upper lip."""
    inner_top: Line
    """Its lower edge."""
    inner_low: Line
    """Upper edge of the lower lip."""
    outer_low: Line
    """Its lower edge."""
    chin: float
    """How far the chin falls."""
    teeth: Line
    """Where the upper teeth end."""
    tongue: float
    """Where the tongue's tip is."""


def local(points: Floats | Line, middle: Floats, tilt: float) -> Line:
    """Pixels of the picture, (..., 2), as (x, y) of the mouth."""
    cos, sin = np.cos(tilt), np.sin(tilt)
    moved = points[..., :2].astype(np.float64) - middle
    return np.stack([moved[..., 0] * cos + moved[..., 1] * sin, moved[..., 1] * cos - moved[..., 0] * sin], -1)


def measure(points: Floats) -> Mouth:
    """Read a mouth off a face's points, (468, 3)."""
    flat = points[:, :2]
    right, left = flat[CORNERS[0]], flat[CORNERS[1]]
    between = eyes(points)
    along = (left - right) / np.linalg.norm(left - right)
    level = (between[1] - between[0]) / np.linalg.norm(between[1] - between[0])
    tilt = float(np.arctan2(*((along + level) / 2)[::-1]))
    middle = (right + left) / 2
    here = local(points, middle, tilt)
    centre = float(here[[0, 13, 14, 17], 0].mean())
    halves = float(centre - here[CORNERS[0], 0]), float(here[CORNERS[1], 0] - centre)
    lines = [_line(here[list(edge)], centre, halves) for edge in (UPPER_OUTER, UPPER_INNER, LOWER_INNER, LOWER_OUTER)]
    outer_top, inner_top, inner_low, outer_low = lines
    seam = (inner_top + inner_low) / 2
    if (inner_low - inner_top).max() < _CLOSED_PX:
        inner_top = inner_low = seam
    ratio = sum(halves) / float(np.linalg.norm(between[1] - between[0]))
    jaw = here[list(JAW)]
    return Mouth(
        middle=middle.astype(np.float32),
        tilt=tilt,
        halves=halves,
        centre=centre,
        outer_top=np.minimum(outer_top, inner_top),
        inner_top=np.minimum(inner_top, seam),
        inner_low=np.maximum(inner_low, seam),
        outer_low=np.maximum(outer_low, inner_low),
        smile=float(np.clip((ratio - _NEUTRAL) / 0.2, 0, 1)),
        nose=float(here[NOSE, 1]),
        jaw=(jaw[:, 0], jaw[:, 1]),
    )


def over(edge: Line, centre: float, halves: tuple[float, float]) -> Line:
    """An edge's points over AT: (81,)."""
    x = edge[:, 0] - centre
    return np.asarray(np.interp(AT, np.where(x < 0, x / halves[0], x / halves[1]), edge[:, 1]), np.float64)


def _line(edge: Line, centre: float, halves: tuple[float, float]) -> Line:
    """An edge's points over AT, without corners where they are joined."""
    y = over(edge, centre, halves)
    padded = np.concatenate([2 * y[0] - y[5:0:-1], y, 2 * y[-1] - y[-2:-7:-1]])
    bell = np.exp(-((np.arange(-5, 6) / 2.5) ** 2))
    return np.asarray(np.convolve(padded, bell / bell.sum(), "valid"), np.float64)


def edges(mouth: Mouth, params: Floats) -> Edges:
    """Where the edges go for (8,) mouth parameters; at rest the lips are closed, whatever the photo shows."""
    jaw, wide, rounded, up, tuck, tongue, teeth, press = (float(value) for value in params)
    free, unit, ends = 1 - press, mouth.half / 27 / (1 + 0.12 * mouth.smile), np.abs(AT)
    opened = mouth.gap
    down = (14.5 * jaw + 0.8 * rounded) * free * (1 - tuck) - tuck
    raised = (4.2 * up + 2.6 * jaw + 0.6 * rounded) * free * (1 - tuck) + 4.6 * tuck
    # A mouth that smiles is broad already, and its corners come down as it rounds or opens.
    width = (1 - 0.05 * mouth.smile * min(1.0, opened / 4)) * (
        1 + (0.17 - 0.09 * mouth.smile) * wide - 0.32 * rounded * (1 - 0.3 * press) - 0.05 * jaw
    )
    corner = (-0.9 * wide + 2.2 * jaw * free) * unit
    slot = 1 - np.minimum(ends / (_INNER - 0.08 * rounded), 1) ** (2.3 + 0.9 * wide - 0.3 * rounded)
    opening = slot ** (0.80 - 0.08 * rounded)
    flat = mouth.inner_top + 0.45 * (mouth.inner_low - mouth.inner_top)
    bend = 1 - mouth.smile * (1.15 * rounded + 0.50 * jaw * free)
    seam = flat[len(AT) // 2] + (flat - flat[len(AT) // 2]) * bend + corner * (0.7 * ends**2 + 0.3 * ends)
    inner_top = seam - raised * unit * opening
    inner_low = np.maximum(seam + down * unit * opening, inner_top)
    thin = (1 - 0.18 * wide + 0.12 * rounded) * (1 - 0.26 * press) * (1 + 0.22 * min(1.0, opened / 8))
    upper = (mouth.inner_top - mouth.outer_top) * thin * (1 - 0.12 * jaw) * (1 + 0.5 * mouth.smile * rounded)
    lower = (mouth.outer_low - mouth.inner_low) * thin * (1 - 0.08 * jaw) * (1 - 0.45 * tuck)
    hang = 0.6 + 3.0 * teeth + 0.8 * jaw + 1.2 * tuck - 3.2 * rounded * (1 - teeth)
    return Edges(
        width=width,
        outer_top=inner_top - upper,
        inner_top=inner_top,
        inner_low=inner_low,
        outer_low=inner_low + lower,
        chin=(11.0 * jaw * free * (1 - 0.3 * tuck)) * unit - 0.25 * opened,
        teeth=flat + hang * unit - 1.7 * unit * AT**2,
        tongue=float(inner_low.max()) - (0.50 + 0.35 * tongue - 0.1 * rounded) * float((inner_low - inner_top).max()),
    )
