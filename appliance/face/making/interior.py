"""Where pixels lie in an open mouth in, its colours out: the dark, tongue and teeth, in the light of the photo.

A photo that shows the upper teeth lends them: they hang from the skull and stay where they are while the lips move.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from appliance.face.making.mouth import AT, Edges, Mouth, local
from appliance.face.making.still import Still
from appliance.face.visemes import PARAMETERS

Floats = NDArray[np.float32]
Line = NDArray[np.float64]
Pixels = NDArray[np.uint8]

_CHEEKS = (50, 280, 205, 425, 101, 330)
_ENAMEL, _TONGUE, _DARK = (205.0, 222.0, 230.0), (84.0, 80.0, 150.0), (16.0, 14.0, 40.0)
"""BGR in the light in which skin is as bright as 180."""
_SKIN = 180.0
_TOOTH_EDGES = (0.0, 0.25, 0.47, 0.65, 0.80)
"""Between teeth, from the middle aside, as shares of half the mouth's width."""
_SHOWN_PX = 4.0
"""Lips that are less apart show no teeth worth taking."""


@dataclass(frozen=True, slots=True, eq=False)
class Interior:
    """What is behind the lips of one person."""

    light: float
    """Brightness beside the usual."""
    enamel: Line
    """(3,) BGR of teeth."""
    lip: Line
    """(3,) BGR of the line between closed lips."""
    teeth: Pixels | None
    """The picture that the upper teeth are taken from; None where it shows none."""


def look_into(still: Still, mouth: Mouth) -> Interior:
    """Measure the light, and see whether the photo shows teeth."""
    flat = still.points[:, :2]
    skin = np.stack([_patch(still.picture, flat[at]) for at in _CHEEKS])
    light = float(np.clip(skin.mean() / (_SKIN * 0.87), 0.25, 1.15))
    lips = np.stack([_patch(still.picture, flat[at]) for at in (17, 84, 314)]).mean(0)
    inside = _inside(still, mouth)
    level = inside.max(1)
    shown = mouth.gap >= _SHOWN_PX and float(np.percentile(level, 60)) > 0.8 * float(skin.max(1).mean())
    enamel = np.percentile(inside, 80, axis=0) if shown else np.array(_ENAMEL) * light
    return Interior(light, enamel, lips * 0.38, still.picture if shown else None)


def paint(mouth: Mouth, edges: Edges, params: Floats, inside: Interior, placed: tuple[Line, Line]) -> tuple[Line, Line]:
    """Colours and their shares.

    Args:
        placed: (n, 2) pixels of the picture, and (n, 2) where they are in the mouth, as `warp.sources` has it.
    Returns:
        (n, 3) BGR in 0 to 255, (n,) in [0, 1].
    """
    points, (at, y) = placed[0], placed[1].T
    top, low = np.interp(at, AT, edges.inner_top), np.interp(at, AT, edges.inner_low)
    half = mouth.half * edges.width
    within = np.clip((0.95 - np.abs(at)) * half / 2, 0, 1)
    share = np.clip(y - top + 0.5, 0, 1) * np.clip(low - y + 0.5, 0, 1) * within * np.clip((low - top) / 0.8, 0, 1)
    depth = np.clip((y - top) / np.maximum(low - top, 1), 0, 1)
    colour = np.array(_DARK) * inside.light * (0.7 + 0.7 * depth[:, None])
    colour = _tongue(colour, edges, inside, at, y)
    colour = _lower_teeth(colour, edges, params, inside, (at, y, low))
    colour = _upper_teeth(colour, mouth, edges, inside, (points, at, y))
    # The lips throw their shadow on what is behind, and the corners are dark.
    deep = np.clip((low - top) / 9, 0.25, 1)
    shadow = 1 - deep * (
        0.46 * np.exp(-np.clip(y - top, 0, None) / 1.7) + 0.26 * np.exp(-np.clip(low - y, 0, None) / 1.2)
    )
    shadow *= 1 - 0.55 * _soft((np.abs(at) - 0.58) / 0.36)
    colour = colour * np.clip(shadow, 0, 1)[:, None]
    seam = _seam(mouth, edges, at, y)
    both = np.maximum(share, seam)
    mixed = (colour * share[:, None] + inside.lip * ((1 - share) * seam)[:, None]) / np.maximum(
        share + (1 - share) * seam, 1e-6
    )[:, None]
    return mixed, both


def _seam(mouth: Mouth, edges: Edges, at: Line, y: Line) -> Line:
    """The dark line between lips that the photo has apart and that are closed now."""
    middle = np.interp(at, AT, (edges.inner_top + edges.inner_low) / 2)
    gap = np.interp(at, AT, edges.inner_low - edges.inner_top)
    closed = np.clip(1 - gap / 1.6, 0, 1) * min(1.0, mouth.gap / 4)
    return 0.62 * closed * np.exp(-(((y - middle) / 0.9) ** 2)) * np.clip((1.01 - np.abs(at)) * 8, 0, 1)


def _tongue(colour: Line, edges: Edges, inside: Interior, at: Line, y: Line) -> Line:
    """It lies behind the lower teeth; its tip comes up for /l/, /d/ and /th/."""
    tip = edges.tongue + 5.5 * at**2
    share = np.clip((y - tip) / 1.6, 0, 1) * _soft((0.78 - np.abs(at)) / 0.25)
    round_off = 0.80 + 0.32 * np.exp(-(((y - tip - 2.6) / 2.4) ** 2)) - 0.12 * np.exp(-((at / 0.05) ** 2))
    tongue = np.array(_TONGUE) * inside.light * round_off[:, None]
    return colour + (tongue - colour) * (0.9 * share)[:, None]


def _lower_teeth(colour: Line, edges: Edges, params: Floats, inside: Interior, where: tuple[Line, Line, Line]) -> Line:
    """A low row that goes with the jaw, shown where teeth are to be seen."""
    at, y, low = where
    jaw, teeth = float(params[PARAMETERS.index("jaw")]), float(params[PARAMETERS.index("teeth")])
    room = float((edges.inner_low - edges.teeth).max())
    climb = min(room - 0.7 - 4.4 * jaw, 3.6) * float(_soft(np.array((teeth - 0.15) / 0.4)))
    if climb <= 0.4:
        return colour
    share = np.clip(y - (low - climb + 1.2 * at**2) + 0.5, 0, 1) * _soft((0.74 - np.abs(at)) / 0.2)
    tooth = inside.enamel * 0.80 * _gaps(at * 1.25)[:, None]
    return colour + (tooth - colour) * (0.9 * share)[:, None]


def _upper_teeth(colour: Line, mouth: Mouth, edges: Edges, inside: Interior, where: tuple[Line, Line, Line]) -> Line:
    points, at, y = where
    end = np.interp(at, AT, edges.teeth)
    if inside.teeth is None:
        share = np.clip(end - y + 0.5, 0, 1) * _soft((0.88 - np.abs(at)) / 0.12)
        shade = 0.80 + 0.20 * np.exp(-(((end - y - 3.0) / 3.2) ** 2))
        tooth = inside.enamel * (shade * _gaps(at) * (1 - 0.35 * at**2))[:, None]
        return colour + (tooth - colour) * share[:, None]
    here = local(points, mouth.middle, mouth.tilt)
    across = np.clip((here[:, 0] - mouth.centre) / mouth.half, -1, 1)
    first, last = np.interp(across, AT, mouth.inner_top) + 1.6, np.interp(across, AT, mouth.inner_low) - 1.4
    down = np.maximum(y - end + last, np.minimum(first, last))
    share = np.clip(end - y + 0.5, 0, 1) * _soft((0.90 - np.abs(across)) / 0.10) * np.clip((last - first) / 2, 0, 1)
    cos, sin = np.cos(mouth.tilt), np.sin(mouth.tilt)
    x_from = here[:, 0] * cos - down * sin + mouth.middle[0]
    y_from = here[:, 0] * sin + down * cos + mouth.middle[1]
    tooth = sample(inside.teeth, np.stack([x_from, y_from], -1)[None])[0]
    return colour + (tooth - colour) * share[:, None]


def _gaps(at: Line) -> Line:
    """How bright a row of teeth is across: a little darker between two."""
    nearest = np.min([np.abs(np.abs(at) - edge) for edge in _TOOTH_EDGES], axis=0)
    return 1 - 0.17 * np.exp(-((nearest / 0.022) ** 2))


def sample(picture: Pixels, points: Line) -> Line:
    """A picture's colours at (h, w, 2) pixels: (h, w, 3) in 0 to 255."""
    at = points.astype(np.float32)
    drawn = cv2.remap(picture, at[..., 0], at[..., 1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return drawn.astype(np.float64)


def _inside(still: Still, mouth: Mouth) -> Line:
    """(n, 3): what the photo has between the lips, in the middle two thirds."""
    x = np.linspace(-0.6, 0.6, 25)
    shares = np.linspace(0.25, 0.75, 5)
    top, low = np.interp(x, AT, mouth.inner_top), np.interp(x, AT, mouth.inner_low)
    y = top + (low - top) * shares[:, None]
    across = x * mouth.half + mouth.centre + 0 * y
    cos, sin = np.cos(mouth.tilt), np.sin(mouth.tilt)
    points = np.stack([across * cos - y * sin, across * sin + y * cos], -1) + mouth.middle.astype(np.float64)
    return sample(still.picture, points).reshape(-1, 3)


def _patch(picture: Pixels, point: Floats) -> Line:
    """(3,): the mean colour of 7 x 7 pixels."""
    x, y = (int(np.clip(round(float(at)), 3, side - 4)) for at, side in zip(point, picture.shape[1::-1], strict=True))
    return picture[y - 3 : y + 4, x - 3 : x + 4].reshape(-1, 3).mean(0)


def _soft(share: Line) -> Line:
    bounded = np.clip(share, 0, 1)
    return bounded * bounded * (3 - 2 * bounded)
