"""A frame's number in, the presenter's pose out: a loop that breathes, sways, blinks and looks, and has no seam."""

from __future__ import annotations

import math

from appliance.face.training.look import Pose

# Closing is quicker than opening; about 0.28 s in all, as people blink.
_BLINK = (0.30, 0.88, 1.0, 0.82, 0.50, 0.24, 0.08)
_BLINKS_S = (1.76, 4.92, 5.48)
"""Two blinks of the three come as a pair: even spacing looks like a machine."""
_GLANCES = (
    (0.0, 0.0, 0.0),
    (2.44, 0.10, -0.08),
    (3.28, -0.06, 0.04),
    (4.92, -0.42, 0.16),
    (6.04, 0.05, 0.0),
    (7.1, 0.0, 0.0),
)
"""(from second, gaze x, gaze y): mostly on the visitor, one look aside that a blink leads into."""


def pose_at(frame: int, frames: int, fps: int) -> Pose:
    """Hold the presenter in one frame of the loop of so many frames; every motion is periodic in it."""
    turn = 2 * math.pi * frame / frames
    seconds = frame / fps

    def wave(cycles: int, phase: float) -> float:
        return math.sin(cycles * turn + phase)

    breath = 0.5 - 0.5 * math.cos(2 * turn)
    blink = max(_blink(seconds, start, fps) for start in _BLINKS_S)
    gaze = _gaze(seconds, fps)
    return Pose(
        dx=1.7 * wave(1, 0.4) + 0.7 * wave(2, 2.1),
        dy=0.7 * wave(1, 1.9) + 0.4 * wave(3, 0.3) - 0.9 * breath,
        roll=0.55 * wave(1, 1.1) + 0.25 * wave(3, 2.6),
        yaw=0.16 * wave(1, 2.4) + 0.10 * wave(2, 0.7) + 0.10 * gaze[0],
        pitch=0.13 * wave(2, 1.3) + 0.08 * wave(1, 0.2) + 0.05 * blink,
        blink=blink,
        gaze=gaze,
        brow=0.16 * wave(1, 0.9) - 0.25 * blink,
        breath=breath,
        smile=0.10 * wave(1, 3.0),
    )


def _blink(seconds: float, start: float, fps: int) -> float:
    at = round((seconds - start) * fps)
    return _BLINK[at] if 0 <= at < len(_BLINK) else 0.0


def _gaze(seconds: float, fps: int) -> tuple[float, float]:
    """Eyes jump within two frames and then rest."""
    x, y = _GLANCES[-1][1:]
    for start, to_x, to_y in _GLANCES:
        share = min(1.0, max(0.0, (seconds - start) * fps / 2 + 0.5))
        x, y = x + (to_x - x) * share, y + (to_y - y) * share
    return x, y
