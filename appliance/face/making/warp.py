"""A still and a mouth in, where each pixel comes from and what is painted inside the lips out.

Every column of the mouth is stretched between its fixed ends: the nose's base, the lips' four edges, the chin, the
neck. Closed lips are two edges at one place, which is nothing special here.
"""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

from appliance.face.making.mouth import AT, Edges, Mouth, local

Floats = NDArray[np.float32]
Line = NDArray[np.float64]

_ASIDE_PX = 24.0
"""How far beside the corners the cheeks follow them."""
_CHIN_PX = 10.0
"""How far below the jaw the skin follows a mouth that rounds."""
_NECK_PX = 26.0
"""How far below the jaw the neck gives way."""


def sources(mouth: Mouth, edges: Edges, points: Line) -> tuple[Line, Line]:
    """Where pixels come from, and where they lie in the mouth.

    Args:
        points: (..., 2) pixels of the picture, with the lips as `edges` has them.
    Returns:
        (..., 2) pixels of the picture as the photo has it; (..., 2): x as a share of the half width, and y.
    """
    here = local(points, mouth.middle, mouth.tilt)
    x, y = here[..., 0] - mouth.centre, here[..., 1]
    narrow = _across(mouth, edges.width, x)
    at = np.where(narrow < 0, narrow / mouth.halves[0], narrow / mouth.halves[1])
    knots = _knots(mouth, edges, at, narrow + mouth.centre)
    down = _stretched(y, knots)
    nose, chin = knots[0][0], knots[5][0]
    above, below = knots[1][0], knots[4][0]
    near = np.where(y < above, _smooth((y - nose) / np.maximum(above - nose, 1)), 1.0)
    near = np.where(y > below, 1 - _smooth((y - below) / np.maximum(chin + _CHIN_PX - below, 1)), near)
    across = x + near * (narrow - x) + mouth.centre
    cos, sin = np.cos(mouth.tilt), np.sin(mouth.tilt)
    moved = np.stack([across * cos - down * sin, across * sin + down * cos], -1) + mouth.middle.astype(np.float64)
    return moved, np.stack([at, y], -1)


def _across(mouth: Mouth, width: float, x: Line) -> Line:
    """Where a column of the wider or narrower mouth is in the photo's; beside the corners the cheek evens it out."""
    half = np.where(x < 0, mouth.halves[0], mouth.halves[1])
    inside, beyond = np.abs(x) / width, np.abs(x) - half * width
    outside = half + beyond * (_ASIDE_PX - half * (1 - width)) / _ASIDE_PX
    outside = np.where(beyond > _ASIDE_PX, np.abs(x), outside)
    return np.sign(x) * np.where(beyond < 0, inside, outside)


def _knots(mouth: Mouth, edges: Edges, at: Line, x: Line) -> list[tuple[Line, Line]]:
    """(where it goes, where it was) of each place of a column that is held, from above down."""
    aside = np.clip(np.abs(at) - 1, 0, None) * mouth.half
    follow = np.exp(-((aside / (0.8 * _ASIDE_PX)) ** 2))
    jaw = np.interp(x, *mouth.jaw)
    reach = max(float(np.abs(mouth.jaw[0]).max()), 1.0)
    falls = edges.chin * (1 - _smooth(np.abs(x - mouth.centre) / (0.92 * reach)))
    pairs = [
        (edges.outer_top, mouth.outer_top),
        (edges.inner_top, mouth.inner_top),
        (edges.inner_low, mouth.inner_low),
        (edges.outer_low, mouth.outer_low),
    ]
    nose = np.full_like(x, mouth.nose)
    held = [(nose, nose)]
    for after, before in pairs:
        was = np.interp(at, AT, before)
        held.append((was + follow * (np.interp(at, AT, after) - was), was))
    jaw = np.maximum(jaw, held[4][1] + 6)
    return [*held, (jaw + falls, jaw), (jaw + _NECK_PX, jaw + _NECK_PX)]


def _stretched(y: Line, knots: list[tuple[Line, Line]]) -> Line:
    """y of the photo: between two knots in proportion; what is between the lips stays with the lower one."""
    was = y.copy()
    for (low, low_was), (high, high_was) in itertools.pairwise(knots):
        share = np.clip((y - low) / np.maximum(high - low, 1e-3), 0, 1)
        was = np.where((y >= low) & (y < high), low_was + share * (high_was - low_was), was)
    return was


def _smooth(share: Line) -> Line:
    bounded = np.clip(share, 0, 1)
    return bounded * bounded * (3 - 2 * bounded)
