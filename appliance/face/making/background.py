"""A person's picture and matte in, the same person in front of something else out."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from appliance.errors import MediaError
from appliance.face.making.photo import read_photo

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]

BLUR = "blur"
"""What is behind, out of focus."""
_BLUR_SHARE = 0.035
"""Spread of the blur, of the picture's shorter side."""
_WIDE, _NARROW = 91, 7
"""Pixels around which the person's own colours are looked for, first from afar and then nearby."""
_TOUCH = 1e-3


def read(told: str) -> str | Pixels:
    """What a background is to be: `blur`, #rrggbb or a picture's path, as `in_front_of` takes it.

    Raises:
        MediaError: code bad-background; codes of `read_photo`.
    """
    if told == BLUR:
        return BLUR
    if re.fullmatch(r"#[0-9a-fA-F]{6}", told):
        colour = [int(told[at : at + 2], 16) for at in (5, 3, 1)]
        return np.full((1, 1, 3), colour, np.uint8)
    if told.startswith("#"):
        hint = f"use {BLUR}, a colour like #d8dee6, or a picture's path"
        raise MediaError(f"{told!r} is no background", code="bad-background", hint=hint)
    return read_photo(Path(told))


def in_front_of(picture: Pixels, matte: Floats, background: str | Pixels) -> Pixels:
    """Put a person, (h, w, 3) uint8 BGR with a matte (h, w) in [0, 1], in front of a background.

    A picture fills the whole and is cut where its shape differs; `blur` keeps what is behind, out of focus. Where hair
    lets what was behind shine through, the person's own colour is taken instead.
    """
    own, behind = _parted(picture.astype(np.float32), matte)
    if isinstance(background, str):
        behind = _blurred(behind, matte)
    else:
        behind = _filling(background, (picture.shape[1], picture.shape[0])).astype(np.float32)
    share = matte[:, :, None]
    return np.clip(own * share + behind * (1 - share) + 0.5, 0, 255).astype(np.uint8)


def _parted(picture: Floats, matte: Floats) -> tuple[Floats, Floats]:
    """The person's own colours and those behind, each without what shines through of the other.

    Source: Forte, Approximate fast foreground colour estimation (2021): blur fusion, twice.
    """
    share = matte[:, :, None]
    own = behind = picture
    for size in (_WIDE, _NARROW):
        own_mean = _mean(own * share, size) / (_mean(share, size) + np.float32(_TOUCH))
        behind_mean = _mean(behind * (1 - share), size) / (_mean(1 - share, size) + np.float32(_TOUCH))
        left = picture - share * own_mean - (1 - share) * behind_mean
        own, behind = _levels(own_mean + share * left), _levels(behind_mean + (1 - share) * left)
    return own, behind


def _mean(values: Floats, size: int) -> Floats:
    return np.asarray(cv2.blur(values, (size, size)), np.float32).reshape(*values.shape)


def _levels(values: NDArray[np.floating[Any]]) -> Floats:
    return np.clip(values, 0, 255).astype(np.float32)


def _blurred(behind: Floats, matte: Floats) -> Floats:
    """What is behind out of focus, as far as it is seen; in the middle of the person, its mean colour."""
    spread = _BLUR_SHARE * min(matte.shape)
    free = (1 - matte)[:, :, None]
    mean = (behind * free).sum((0, 1)) / max(float(free.sum()), _TOUCH)
    colours, weight = (cv2.GaussianBlur(values, (0, 0), spread) for values in (behind * free, free))
    touch = np.float32(_TOUCH)
    return ((colours + touch * mean) / (weight.reshape(*matte.shape, 1) + touch)).astype(np.float32)


def _filling(background: Pixels, size: tuple[int, int]) -> Pixels:
    width, height = size
    scale = max(width / background.shape[1], height / background.shape[0])
    whole = (max(width, round(background.shape[1] * scale)), max(height, round(background.shape[0] * scale)))
    resized = cv2.resize(background, whole, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    left, top = (whole[0] - width) // 2, (whole[1] - height) // 2
    return np.asarray(resized[top : top + height, left : left + width], np.uint8)
