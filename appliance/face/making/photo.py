"""A photo's file in, its pixels out, upright: (h, w, 3) uint8 BGR; what is too large or no picture is refused."""

from __future__ import annotations

import io
import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from appliance.errors import MediaError

Pixels = NDArray[np.uint8]

FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP")
_BYTES_MAX = 64 * 2**20
_SIDE_MAX_PX, _AREA_MAX_PX = 16_384, 120_000_000
"""A picture of 12,000 x 9,000 pixels is 324 MB once decoded: it is taken, and made smaller at once."""
WORKING_PX = 2048
"""Longest side that is worked on: a face is drawn 192 pixels large."""
_UNDER = (255, 255, 255)
"""What a transparent picture is laid on."""


def read_photo(path: Path) -> Pixels:
    """Decode a photo, turn it upright, and make it at most WORKING_PX long.

    Returns:
        (h, w, 3) uint8 BGR.
    Raises:
        MediaError: codes not-found, photo-too-large, not-a-picture (also where it ends too early).
    """
    data = _bytes(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's own on large pictures and odd metadata; the limit is ours
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                _check_size(image, path)
                image.draft("RGB", (WORKING_PX, WORKING_PX))  # a JPEG is decoded at half, quarter or eighth size
                image.load()
                return _pixels(image)
    except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError) as error:
        raise MediaError(
            f"{path.name} cannot be read as a picture",
            code="not-a-picture",
            hint=f"give a whole {', '.join(FORMATS[:-1])} or {FORMATS[-1]} file",
        ) from error


def _bytes(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        if size > _BYTES_MAX:
            raise _too_large(f"{path.name} has {size / 2**20:.0f} MiB, more than 64")
        return path.read_bytes()
    except OSError as error:
        message = f"{path} cannot be read: {error.strerror}"
        raise MediaError(message, code="not-found", hint="name the photo's file") from error


def _check_size(image: Image.Image, path: Path) -> None:
    width, height = image.size
    if max(width, height) > _SIDE_MAX_PX or width * height > _AREA_MAX_PX:
        raise _too_large(f"{path.name} is {width} x {height} pixels large")


def _too_large(message: str) -> MediaError:
    return MediaError(message, code="photo-too-large", hint=f"make it smaller: {WORKING_PX} pixels are plenty")


def _pixels(image: Image.Image) -> Pixels:
    upright = ImageOps.exif_transpose(image)
    upright.thumbnail((WORKING_PX, WORKING_PX), Image.Resampling.LANCZOS, reducing_gap=3.0)
    if upright.mode in ("I", "I;16", "F"):
        values = np.asarray(upright, np.float32)
        low, high = float(values.min()), float(values.max())
        upright = Image.fromarray(np.uint8(np.clip((values - low) * (255 / max(high - low, 1e-6)), 0, 255)))
    if "A" in upright.getbands() or "transparency" in upright.info:
        layer = upright.convert("RGBA")
        upright = Image.alpha_composite(Image.new("RGBA", layer.size, (*_UNDER, 255)), layer)
    return np.ascontiguousarray(np.asarray(upright.convert("RGB"), np.uint8)[:, :, ::-1])
