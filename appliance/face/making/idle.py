"""A still and a frame's number in, where that frame's pixels come from out: breath, sway and blinks, without a seam.

Only the person moves: what is behind is held by the matte, and evens the head's motion out close to her. She keeps her
gaze; lids come down over the eyes as the skin above them, stretched.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from appliance.face.making.still import CHIN, Still

Floats = NDArray[np.float32]
Line = NDArray[np.float64]

# Closing is quicker than opening; about 0.28 s in all, as people blink.
_BLINK = (0.30, 0.88, 1.0, 0.82, 0.50, 0.24, 0.08)
_BLINKS_S = (1.76, 4.92, 5.48)
"""Two blinks of the three come as a pair: even spacing looks like a machine."""

_EYES = (
    ((33, 246, 161, 160, 159, 158, 157, 173, 133), (33, 7, 163, 144, 145, 153, 154, 155, 133)),
    ((362, 398, 384, 385, 386, 387, 388, 466, 263), (362, 382, 381, 380, 374, 373, 390, 249, 263)),
)
"""Upper and lower lid of the right and the left eye, from right to left."""
_FADE_PX = 28.0
"""How far around the person the background gives way to the head's motion, which is 2 pixels at most."""
_PIVOT_PX = 40.0
"""How far below the chin the head turns."""
_TORSO = 0.25
"""What the shoulders do of the head's motion."""


@dataclass(frozen=True, slots=True)
class Pose:
    """How the person is held in one frame."""

    dx: float
    """Pixels to the right."""
    dy: float
    """Pixels down."""
    roll: float
    """Degrees clockwise, about the neck."""
    breath: float
    """0: breathed out, 1: in."""
    blink: float
    """0: eyes as in the photo, 1: closed."""


def pose_at(frame: int, frames: int, fps: int) -> Pose:
    """The pose in one frame of the loop; every motion is periodic in it."""
    turn, seconds = 2 * math.pi * frame / frames, frame / fps

    def wave(cycles: int, phase: float) -> float:
        return math.sin(cycles * turn + phase)

    breath = 0.5 - 0.5 * math.cos(2 * turn)
    return Pose(
        dx=1.1 * wave(1, 0.4) + 0.4 * wave(2, 2.1),
        dy=0.4 * wave(1, 1.9) + 0.25 * wave(3, 0.3) - 0.6 * breath,
        roll=0.38 * wave(1, 1.1) + 0.15 * wave(3, 2.6),
        breath=breath,
        blink=max(blink(seconds - start, fps) for start in _BLINKS_S),
    )


def blink(since_s: float, fps: int) -> float:
    """How far the lids are down so long after they began to come down, from 0 to 1."""
    at = round(since_s * fps)
    return _BLINK[at] if 0 <= at < len(_BLINK) else 0.0


class Idle:
    """Moves one still."""

    def __init__(self, still: Still, matte: Floats) -> None:
        """
        Args:
            matte: (h, w) in [0, 1], 1 on the person.
        """
        height, width = matte.shape
        y, x = np.mgrid[0:height, 0:width].astype(np.float64)
        self._points = np.stack([x, y], -1)
        person = (matte > 0.5).astype(np.uint8)
        away = cv2.distanceTransform(1 - person, cv2.DIST_L2, 5) if person.any() else np.zeros_like(matte)
        held = _soft(1 - away.astype(np.float64) / _FADE_PX)
        flat = still.points[:, :2].astype(np.float64)
        self._chin = flat[CHIN]
        face = float(np.ptp(flat[:, 1]))
        # From the jaw to the shoulders the head's motion becomes the body's.
        torso = _soft((y - self._chin[1] + 0.05 * face) / (0.75 * face))
        self._head = held * (1 - (1 - _TORSO) * torso)
        self._body = held * torso
        self._eyes = [_Eye(flat[list(upper)], flat[list(lower)]) for upper, lower in _EYES]

    def sources(self, pose: Pose, box: tuple[int, int, int] | None = None) -> Line:
        """Where the pixels of the frame, or of the box (left, top, side) in it, come from: (h, w, 2) of the still."""
        rows, columns = slice(None), slice(None)
        if box is not None:
            rows, columns = slice(box[1], box[1] + box[2]), slice(box[0], box[0] + box[2])
        points = self._points[rows, columns]
        turn = math.radians(pose.roll)
        pivot = self._chin + np.array([0, _PIVOT_PX])
        from_pivot = points - pivot - np.array([pose.dx, pose.dy])
        cos, sin = math.cos(turn), math.sin(turn)
        back = np.stack(
            [from_pivot[..., 0] * cos + from_pivot[..., 1] * sin, from_pivot[..., 1] * cos - from_pivot[..., 0] * sin],
            -1,
        )
        moved = points + (back + pivot - points) * self._head[rows, columns, None]
        moved[..., 1] += 1.0 * pose.breath * self._body[rows, columns]
        return moved

    def moved(self, point: Floats, pose: Pose) -> Line:
        """Where a point of the head, (2,) pixels of the still, is in the frame."""
        turn = math.radians(pose.roll)
        pivot = self._chin + np.array([0, _PIVOT_PX])
        x, y = point - pivot
        turned = np.array([x * math.cos(turn) - y * math.sin(turn), x * math.sin(turn) + y * math.cos(turn)])
        return turned + pivot + np.array([pose.dx, pose.dy])

    def lids(self, points: Line, share: float) -> list[tuple[Line, Line]]:
        """For each eye, where the lid's pixels come from, (h, w, 2), and how much of a pixel is lid, (h, w).

        Args:
            points: (h, w, 2) pixels of the still.
            share: 0 leaves the eyes as they are, 1 closes them.
        """
        return [eye.lid(points, share) for eye in self._eyes] if share > 0 else []


class _Eye:
    """One eye, whose upper lid comes down column by column."""

    def __init__(self, upper: Line, lower: Line) -> None:
        self._first, last = upper[0], upper[-1]
        self._along = (last - self._first) / np.linalg.norm(last - self._first)
        self._width = float(np.linalg.norm(last - self._first))
        self._upper, self._lower = self._turned(upper), self._turned(lower)
        self._height = float((self._lower[:, 1] - self._upper[:, 1]).max())

    def _turned(self, points: Line) -> Line:
        away = points - self._first
        across = away @ self._along
        return np.stack([across, away[..., 1] * self._along[0] - away[..., 0] * self._along[1]], -1)

    def lid(self, points: Line, share: float) -> tuple[Line, Line]:
        """The skin above the eye, stretched down to where the lashes are now."""
        turned = self._turned(points)
        x, y = turned[..., 0], turned[..., 1]
        top, low = (np.interp(x, edge[:, 0], edge[:, 1]) for edge in (self._upper, self._lower))
        ends = np.clip(np.minimum(x, self._width - x) / (0.10 * self._width) + 0.5, 0, 1)
        # The lashes go with the rim; the crease above the lid stays where it is.
        rim = top + 0.5
        edge = rim + share * ends * np.maximum(low + 0.4 - rim, 0)
        crease = rim - 1.1 * self._height - 2
        from_y = crease + (y - crease) * (rim - crease) / np.maximum(edge - crease, 1e-3)
        covered = np.clip(edge - y + 0.5, 0, 1) * (y > crease) * (x > 0) * (x < self._width)
        normal = np.array([-self._along[1], self._along[0]])
        return points + (from_y - y)[..., None] * normal, covered


def _soft(share: Line) -> Line:
    bounded = np.clip(share, 0, 1)
    return bounded * bounded * (3 - 2 * bounded)
