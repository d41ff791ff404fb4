"""A drawn presenter stands for a photo, and points laid by hand for what the nets find, so that no model is needed."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from appliance.face.making.landmarks import N_POINTS, Face
from appliance.face.making.mouth import JAW, LOWER_INNER, LOWER_OUTER, NOSE, UPPER_INNER, UPPER_OUTER
from appliance.face.making.still import Still, cut

Pixels = NDArray[np.uint8]

MIDDLE = (256.0, 230.0)
"""Between the eyes, in `photo`."""
EYES_TO_CHIN = 150.0


def laid_points(*, apart: float = 0.0, scale: float = 1.0, middle: tuple[float, float] = MIDDLE) -> NDArray[np.float32]:
    """(468, 3): a face that looks straight ahead, its lips so many pixels apart."""
    points = np.zeros((N_POINTS, 3), np.float32)
    points[:, :2] = (0, 60)
    for at, x, y in ((33, -55, 0), (133, -25, 0), (362, 25, 0), (263, 55, 0), (10, 0, -70), (151, 0, -50), (9, 0, -25)):
        points[at, :2] = x, y
    lids = ((159, 145), (386, 374), (160, 144), (385, 380), (158, 153), (387, 373), (161, 163), (384, 381))
    lids += ((246, 7), (398, 382), (157, 154), (388, 390), (173, 155), (466, 249))
    across = {159: -40, 386: 40, 160: -45, 385: 36, 158: -36, 387: 44, 161: -49, 384: 32, 246: -52, 398: 28, 157: -32}
    across |= {388: 48, 173: -28, 466: 52}
    for up, low in lids:
        points[up, :2], points[low, :2] = (across[up], -6), (across[up], 5)
    for edge, heights in (
        (UPPER_OUTER, 92 - 9 * _bow() - apart / 2),
        (UPPER_INNER, 92 - 0.2 - apart / 2 * _bow()),
        (LOWER_INNER, 92 + 0.2 + apart / 2 * _bow()),
        (LOWER_OUTER, 92 + 12 * _bow() + apart / 2),
    ):
        span = 36 if edge in (UPPER_OUTER, LOWER_OUTER) else 33
        points[list(edge), 0] = np.linspace(-span, span, 11)
        points[list(edge), 1] = heights
    for edge in (UPPER_OUTER, LOWER_OUTER):
        points[[edge[0], edge[-1]], 1] = 92
    turn = np.linspace(np.pi, 0, len(JAW))
    points[list(JAW), 0] = 95 * np.cos(turn)
    points[list(JAW), 1] = 20 + 130 * np.sin(turn)
    points[NOSE, :2] = 0, 68
    skin = {50: (-55, 45), 280: (55, 45), 205: (-50, 70), 425: (50, 70), 101: (-40, 40), 330: (40, 40), 4: (0, 55)}
    skin |= {168: (0, 5), 6: (0, 15), 197: (0, 35), 229: (-45, 16), 230: (-40, 17), 231: (-35, 16), 223: (-45, -18)}
    skin |= {224: (-50, -17), 449: (45, 16), 450: (40, 17), 451: (35, 16), 443: (45, -18), 444: (50, -17)}
    skin |= {164: (0, 76), 18: (0, 116), 200: (0, 128), 84: (-8, 98), 314: (8, 98), 17: (0, 104)}
    for at, place in skin.items():
        points[at, :2] = place
    return points * np.float32(scale) + np.array([*middle, 0], np.float32)


def _bow() -> NDArray[np.float64]:
    return 1 - np.linspace(-1, 1, 11) ** 2


def laid_face(**how: float) -> Face:
    """A face of `laid_points`."""
    points = laid_points(**how)  # type: ignore[arg-type]
    near, far = points[:, :2].min(0), points[:, :2].max(0)
    width, height = (far - near).tolist()
    return Face((float(near[0]), float(near[1]), width, height), 0.9, 1.0, points)


def painted(*, teeth: bool = False, seed: int = 3) -> Pixels:
    """(512, 512, 3): a face with grain, where `laid_points` has its points; on a chequered wall."""
    y, x = np.mgrid[0:512, 0:512]
    wall = np.where((x // 16 + y // 16) % 2, 180, 120)
    picture = np.repeat(wall[..., None], 3, 2).astype(np.uint8)
    cx, cy = (int(at) for at in MIDDLE)
    cv2.rectangle(picture, (cx - 45, cy + 100), (cx + 45, 511), (120, 150, 200), -1)
    cv2.ellipse(picture, (cx, 540), (200, 150), 0, 0, 360, (90, 60, 40), -1)
    cv2.ellipse(picture, (cx, cy + 20), (95, 130), 0, 0, 360, (140, 170, 215), -1, cv2.LINE_AA)
    for side in (-40, 40):
        cv2.ellipse(picture, (cx + side, cy), (15, 6), 0, 0, 360, (235, 235, 240), -1, cv2.LINE_AA)
        cv2.circle(picture, (cx + side, cy), 5, (40, 50, 60), -1, cv2.LINE_AA)
    cv2.ellipse(picture, (cx, cy + 94), (36, 12), 0, 0, 360, (100, 100, 190), -1, cv2.LINE_AA)
    if teeth:
        cv2.ellipse(picture, (cx, cy + 92), (32, 5), 0, 0, 360, (225, 235, 240), -1, cv2.LINE_AA)
    else:
        cv2.line(picture, (cx - 33, cy + 92), (cx + 33, cy + 92), (60, 50, 110), 1, cv2.LINE_AA)
    grain = np.random.default_rng(seed).normal(0, 3, picture.shape)
    return np.clip(picture + grain, 0, 255).astype(np.uint8)


@pytest.fixture(scope="session")
def photo() -> Pixels:
    return painted()


@pytest.fixture(scope="session")
def face() -> Face:
    return laid_face()


@pytest.fixture(scope="session")
def still(photo: Pixels, face: Face) -> Still:
    return cut(photo, face)


@pytest.fixture(scope="session")
def matte(still: Still) -> NDArray[np.float32]:
    """1 within the face and the body, 0 elsewhere."""
    mask = np.zeros(still.picture.shape[:2], np.float32)
    low = still.points[:, :2].min(0).astype(int) - 4
    high = still.points[:, :2].max(0).astype(int) + 4
    mask[low[1] :, low[0] : high[0]] = 1
    return mask


@pytest.fixture(scope="session")
def nets(models: Path) -> Path:
    """The three nets that read a photo."""
    pytest.importorskip("ai_edge_litert", reason="ai-edge-litert is not installed: it comes with the extra `train`")
    folder = models / "photo"
    if not (folder / "face_landmark.tflite").is_file():
        pytest.skip(f"no nets in {folder}: run `appliance models fetch --manifest photo`")
    return folder
