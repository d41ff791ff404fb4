"""A photo with its face in, the still that an avatar is made of out: cut, and scaled until the face fits the box."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from appliance.errors import MediaError
from appliance.face.making.landmarks import Face

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]

SIZE = 512
"""Side of the avatar's picture, pixels; less where the photo ends."""
BOX = 192
"""Side of the face's box, pixels: what the net draws, one to one."""
EYES_TO_CHIN = 106.0
"""In the box, pixels: the face is as large as those the net was trained on, and a chin that falls stays inside."""
MOUTH = (96.0, 119.0)
"""Where the middle of the mouth comes to lie in the box."""
BOX_TOP = 120
"""Where the box begins in a picture that the photo fills."""

RIGHT_EYE, LEFT_EYE = (33, 133), (362, 263)
"""Outer and inner corner, inner and outer corner; right and left as the person has them."""
CORNERS = (61, 291)
CHIN = 152


@dataclass(frozen=True, slots=True, eq=False)
class Still:
    """One person as the photo has her, ready to be moved."""

    picture: Pixels
    """(h, w, 3) uint8 BGR; both sides even."""
    points: Floats
    """(468, 3): the face's points in pixels of the picture."""
    box: tuple[int, int, int]
    """left, top and side of the face's box, pixels, even."""
    scale: float
    """Pixels of the picture for one of the photo."""


def eyes(points: Floats) -> tuple[Floats, Floats]:
    """The middles of the right and the left eye, (2,) each."""
    flat = points[:, :2]
    return flat[list(RIGHT_EYE)].mean(0), flat[list(LEFT_EYE)].mean(0)


def cut(photo: Pixels, face: Face) -> Still:
    """Cut the still out of a photo, (h, w, 3) uint8 BGR.

    Raises:
        MediaError: code face-cut-off, the photo ends beside the face.
    """
    flat = face.points[:, :2]
    between = np.mean(eyes(face.points), axis=0)
    scale = EYES_TO_CHIN / max(float(np.linalg.norm(flat[CHIN] - between)), 1.0)
    height, width = (math.floor(side * scale) for side in photo.shape[:2])
    mouth = flat[list(CORNERS)].mean(0) * scale
    left, top = (round(float(at) - within) for at, within in zip(mouth, MOUTH, strict=True))
    if left < 0 or top < 0 or left + BOX > width or top + BOX > height:
        raise MediaError("the photo ends too close to the face", code="face-cut-off", hint="take one with more around")
    size_w, size_h = (min(SIZE, side) // 2 * 2 for side in (width, height))
    # The window keeps the box where a presenter's is, as far as the photo reaches; box and window differ by even steps.
    x = min(max(left - (SIZE - BOX) // 2, 0), width - size_w)
    y = min(max(top - BOX_TOP, 0), height - size_h)
    x, y = _evenly(left, x, width - size_w), _evenly(top, y, height - size_h)
    picture = shown(photo, scale, (x, y), (size_w, size_h))
    points = face.points * np.float32(scale)
    points[:, :2] -= (x, y)
    return Still(picture, points, (left - x, top - y, BOX), scale)


def shown(picture: Pixels, scale: float, corner: tuple[int, int], size: tuple[int, int]) -> Pixels:
    """A window, (width, height), of a picture scaled as a whole; corner is where the window begins in that."""
    # Pixel centres: the middle of a picture's pixel p lies at (p + 0.5) * scale - 0.5 of the scaled one.
    left, top = corner
    matrix = np.array([[scale, 0, scale / 2 - 0.5 - left], [0, scale, scale / 2 - 0.5 - top]])
    small = picture if scale >= 0.7 else cv2.GaussianBlur(picture, (0, 0), 0.35 / scale)
    window = cv2.warpAffine(small, matrix, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(window, np.uint8)


def _evenly(edge: int, start: int, last: int) -> int:
    """Where a window starts, moved by a pixel where the box would else lie at an odd place in it."""
    if (edge - start) % 2 == 0:
        return start
    return start + 1 if start < last else start - 1
