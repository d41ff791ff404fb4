"""A picture in, how much of each pixel is a person out.

Source: MediaPipe's selfie_segmentation (Apache-2.0).
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from appliance.face.making.landmarks import Net

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]

MATTING = "selfie_segmentation.tflite"
_SIDE = 256
_EDGE_PX = 4
"""How far the picture's own edges are followed when the net's small mask is made as large as the picture."""


class Matter:
    """Tells a person from what is behind."""

    def __init__(self, folder: Path) -> None:
        """Open the net of the folder."""
        self._net = Net(folder / MATTING)

    def matte(self, picture: Pixels) -> Floats:
        """(h, w) float32 of (h, w, 3) uint8 BGR: 1 on the person, 0 behind."""
        height, width = picture.shape[:2]
        small = cv2.resize(picture, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)[:, :, ::-1]
        (mask,) = self._net.run(np.ascontiguousarray(small, np.float32) / np.float32(255))
        large = np.asarray(cv2.resize(mask[0, :, :, 0], (width, height), interpolation=cv2.INTER_CUBIC), np.float32)
        return np.clip(_along_edges(large, picture), 0, 1)


def _along_edges(mask: Floats, picture: Pixels) -> Floats:
    """Guided filter (He, Sun and Tang 2010): the mask as a linear function of the brightness around each pixel."""
    guide = np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY) / 255, np.float32)
    size = (2 * _EDGE_PX + 1, 2 * _EDGE_PX + 1)

    def mean(values: Floats) -> Floats:
        return np.asarray(cv2.blur(values, size), np.float32)

    mean_guide, mean_mask = mean(guide), mean(mask)
    spread = mean(guide * guide) - mean_guide * mean_guide + np.float32(1e-3)
    slope = np.asarray((mean(guide * mask) - mean_guide * mean_mask) / spread, np.float32)
    offset = np.asarray(mean_mask - slope * mean_guide, np.float32)
    return mean(slope) * guide + mean(offset)
