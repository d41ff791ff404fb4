"""One person's still in, pictures of her out: any pose of the idle loop with any mouth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from appliance.face.making.idle import Idle, Pose
from appliance.face.making.interior import look_into, paint, sample
from appliance.face.making.mouth import edges, measure
from appliance.face.making.still import Still
from appliance.face.making.warp import sources

Floats = NDArray[np.float32]
Pixels = NDArray[np.uint8]

REST = np.zeros(8, np.float32)


class Portrait:
    """Draws one person; it is what the net learns from, and where the idle frames come from."""

    def __init__(self, still: Still, matte: Floats, *, enamel: NDArray[np.float64] | None = None) -> None:
        """
        Args:
            matte: (h, w) in [0, 1], 1 on the person.
            enamel: (3,) BGR of her teeth, where that is known; else it is guessed.
        """
        self._still, self._idle = still, Idle(still, matte)
        self._mouth = measure(still.points)
        inside = look_into(still, self._mouth)
        self._inside = inside if enamel is None else replace(inside, enamel=enamel)

    def draw(self, params: Floats, pose: Pose, box: tuple[int, int, int] | None = None) -> Pixels:
        """Draw with this mouth, (8,) in [0, 1], the whole picture or the box: (h, w, 3) uint8 BGR."""
        points = self._idle.sources(pose, box)
        lips = edges(self._mouth, params)
        moved, placed = sources(self._mouth, lips, points)
        drawn = sample(self._still.picture, moved)
        for lid, share in self._idle.lids(moved, pose.blink):
            at = np.nonzero(share)
            skin = sample(self._still.picture, lid[at][None])[0]
            drawn[at] += (skin - drawn[at]) * share[at][:, None]
        near = (np.abs(placed[..., 0]) < 1.1) & (np.abs(placed[..., 1]) < self._mouth.half * 1.5)
        colour, share = paint(self._mouth, lips, params, self._inside, (points[near], placed[near]))
        drawn[near] += (colour - drawn[near]) * share[:, None]
        return np.clip(drawn + 0.5, 0, 255).astype(np.uint8)

    def place(self, pose: Pose) -> Floats:
        """Where the mouth is in the lower half of the box: x, y, tilt, half width, smile, fullness; (6,)."""
        left, top, side = self._still.box
        mouth = self._mouth
        tilt = mouth.tilt + np.deg2rad(pose.roll)
        x, y = (float(at) for at in self._idle.moved(mouth.middle, pose))
        thick = float((mouth.outer_low - mouth.inner_low + mouth.inner_top - mouth.outer_top).max())
        values = [x - left, y - top - side / 2, tilt, mouth.half, 1 + mouth.smile, thick / 15]
        return np.array(values, np.float32)
