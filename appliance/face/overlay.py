"""Words in, words laid over an avatar's frames out: once, when it is loaded, so that every picture shows them.

They are written with the letters that OpenCV brings, Latin, Cyrillic, Greek and Chinese among them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Words16 = NDArray[np.uint16]

_PAPER, _INK = 24, 240
"""Luma of a plate and of its letters."""
_GREY = 128
"""Chroma of both."""
_SHEER = 150
"""Of 255, how much a plate covers where it has no letters."""
_LABEL, _NAME, _BAND = 0.027, 0.046, 0.030
"""Size of letters, of the picture's shorter side."""
_LEGIBLE = 9
"""Pixels: no letters are smaller, but where a long text has to fit."""
_NORMAL, _BOLD = 400, 600
_MARGIN = 0.035
"""From the picture's edge, of its shorter side."""


@dataclass(frozen=True, slots=True)
class Overlay:
    """What is written over a face."""

    band: str = ""
    """Across the top, opaque: what nobody may miss."""
    name: str = ""
    """Who it is, at the bottom."""
    label: str = ""
    """That it is generated, below the name."""


def lay(frames: Bytes, height: int, overlay: Overlay, mouths: tuple[int, int]) -> None:
    """Write over I420 frames, (n, height * 3 / 2, width), in place.

    Args:
        mouths: the highest and the lowest row in which any mouth is drawn. Name and label go below it, or above where
            there is no room; no mouth is ever drawn at the top, since it is in the lower half of a face's box.
    """
    width = frames.shape[2]
    short = min(width, height)
    margin = _even(_MARGIN * short)
    used = 0
    if overlay.band:
        patch = _band(overlay.band, width, max(_LEGIBLE, round(_BAND * short)))
        used = patch.height
        _put(frames, height, patch, 0, 0)
    most = width - 2 * margin
    patches = [
        _plate(text, max(_LEGIBLE, size * short), weight, most)
        for text, size, weight in ((overlay.name, _NAME, _BOLD), (overlay.label, _LABEL, _NORMAL))
        if text
    ]
    gap = _even(margin / 3)
    tall = sum(patch.height for patch in patches) + gap * (len(patches) - 1)
    top = height - margin - tall
    if top < mouths[1]:
        top = min(used + margin, max(0, mouths[0] - tall))
    top = _even(top)
    for patch in patches:
        _put(frames, height, patch, margin, top)
        top += patch.height + gap


@dataclass(frozen=True, slots=True)
class _Patch:
    """A piece of picture with its cover, both even."""

    luma: Bytes
    cover: Bytes
    """Of 255, what of the frame it hides."""

    @property
    def height(self) -> int:
        return len(self.luma)


def _band(text: str, width: int, size: int) -> _Patch:
    letters = _letters(text, size, _NORMAL, width - 8)
    height = _even(1.5 * size)
    whole = np.zeros((height, width), np.uint8)
    top, left = max(0, (height - letters.shape[0]) // 2), (width - letters.shape[1]) // 2
    whole[top : top + letters.shape[0], left : left + letters.shape[1]] = letters[: height - top]
    return _Patch(_inked(whole), np.full_like(whole, 255))


def _plate(text: str, size: float, weight: int, most: int) -> _Patch:
    letters = _letters(text, round(size), weight, most - _even(size))
    side = _even(0.55 * size)
    rise = _even(0.3 * size)
    height, width = _even(letters.shape[0] + 2 * rise), _even(letters.shape[1] + 2 * side)
    whole = np.zeros((height, width), np.uint8)
    whole[rise : rise + letters.shape[0], side : side + letters.shape[1]] = letters
    cover = np.maximum(np.uint8(_SHEER) * (_rounded(height, width, round(0.35 * size)) // 255), whole)
    return _Patch(_inked(whole), cover)


def _letters(text: str, size: int, weight: int, most: int) -> Bytes:
    """The text in one line, (height, width), 255 where it is inked; smaller where it would be wider than `most`."""
    font: Any = cv2.FontFace("sans")
    line = " ".join(text.split())
    while True:
        _, top, width, height = cv2.getTextSize((1 << 14, 1 << 14), line, (0, 0), font, size, weight)
        if width <= most or size <= 6:
            break
        size -= 1
    # As tall for every text of a size: from above capitals to below the line.
    up, down = max(round(0.95 * size), -top), max(round(0.3 * size), height + top)
    image = np.zeros((up + down, max(1, min(width + 2, most))), np.uint8)
    cv2.putText(image, line, (1, up), (255,), font, size, weight)
    return image


def _inked(letters: Bytes) -> Bytes:
    return (_PAPER + letters.astype(np.uint16) * (_INK - _PAPER) // 255).astype(np.uint8)


def _rounded(height: int, width: int, radius: int) -> Bytes:
    """255 inside a rectangle with round corners."""
    shape = np.zeros((height, width), np.uint8)
    cv2.rectangle(shape, (radius, 0), (width - 1 - radius, height - 1), (255,), cv2.FILLED)
    cv2.rectangle(shape, (0, radius), (width - 1, height - 1 - radius), (255,), cv2.FILLED)
    for x in (radius, width - 1 - radius):
        for y in (radius, height - 1 - radius):
            cv2.circle(shape, (x, y), radius, (255,), cv2.FILLED)
    return shape


def _put(frames: Bytes, height: int, patch: _Patch, left: int, top: int) -> None:
    """Lay a patch over every frame; left and top are even."""
    tall, wide = patch.luma.shape
    cover = patch.cover.astype(np.uint16)
    half = np.asarray(cv2.resize(patch.cover, (wide // 2, tall // 2), interpolation=cv2.INTER_AREA), np.uint16)
    grey = np.full(half.shape, _GREY, np.uint16)
    for frame in frames:
        _mix(frame[:height][top : top + tall, left : left + wide], patch.luma.astype(np.uint16), cover)
        for plane in frame[height:].reshape(2, height // 2, -1):
            _mix(plane[top // 2 : (top + tall) // 2, left // 2 : (left + wide) // 2], grey, half)


def _mix(target: Bytes, piece: Words16, cover: Words16) -> None:
    target[:] = (piece * cover + target * (255 - cover) + 127) // 255


def _even(value: float) -> int:
    return round(value / 2) * 2
