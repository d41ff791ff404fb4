"""A picture in, its cells of mean luminance out: what a timeline keeps of it."""

from __future__ import annotations

import cv2
import numpy as np

from appliance.evaluation.timeline import GRID, Cells


def cells_of(i420: bytes | bytearray | memoryview, width: int, height: int) -> Cells:
    """(GRID, GRID) uint8 mean luminance of an I420 picture."""
    luminance = np.frombuffer(i420, np.uint8, width * height).reshape(height, width)
    return np.asarray(cv2.resize(luminance, (GRID, GRID), interpolation=cv2.INTER_AREA), np.uint8)
