"""A drawn presenter's finished pictures in, how unlike the teacher's their mouths are out.

The teacher draws with skia, which comes with the extra `train`; only presenters have one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from appliance.face.avatar import Avatar

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]

_EVERY = 7
"""A picture in so many is drawn again: each takes 40 ms."""
_SAME = 100.0
"""Mean squared difference below which two pictures at rest show the same: 28 dB; what is left is the film's coding."""
_SHOWN = 128
"""Of 255: where the mask is above, it is the net's mouth that is seen."""


@dataclass(frozen=True, slots=True)
class Teacher:
    """Draws one presenter as her film shows her."""

    avatar: Avatar
    """The presenter."""
    look: Any
    """How she is drawn: a `Look`."""
    view: Any
    """The shape of her pictures: a `View`."""
    poses: Sequence[Any]
    """Her pose in each frame of the film."""

    def errors(self, pictures: Sequence[bytes], frames: Sequence[int], mouths: Floats) -> list[float]:
        """Mean squared differences of some pictures' mouths from the teacher's, levels of 255.

        Args:
            pictures: I420.
            frames: the film's frame that each was made of.
            mouths: (n, 8), what each should show.
        """
        from appliance.face.training.rig import Portrait

        found: list[float] = []
        for at in range(0, len(pictures), _EVERY):
            drawn = Portrait(self.look, self.poses[frames[at]], view=self.view).draw(mouths[at])
            planes = np.frombuffer(pictures[at], np.uint8).reshape(self.avatar.height * 3 // 2, self.avatar.width)
            shown = cv2.cvtColor(planes, cv2.COLOR_YUV2BGR_I420)
            left, top, side = (int(edge) for edge in self.avatar.boxes[frames[at]])
            box = (slice(top, top + side), slice(left, left + side))
            mask = cv2.resize(self.avatar.mask, (side, side)) >= _SHOWN
            difference = shown[box][mask].astype(np.float32) - drawn[box][mask]
            found.append(round(float(np.mean(difference**2)), 2))
        return found


def of(avatar: Avatar) -> Teacher | None:
    """Who drew an avatar's film, told by its first frame; None where nobody did, and where nothing can be drawn."""
    try:
        from appliance.face.training.clips import CLIPS
        from appliance.face.training.presenters import PRESENTERS
        from appliance.face.training.rig import REST
        from appliance.face.training.view import VIEWS
    except ModuleNotFoundError:
        return None
    poses = [pose for clip in CLIPS.values() for pose in clip.poses()]
    views = [view for view in VIEWS.values() if (view.width, view.height) == (avatar.width, avatar.height)]
    if not views or len(poses) != avatar.n_frames:
        return None
    first = avatar.frames[0].tobytes()
    for look in PRESENTERS.values():
        teacher = Teacher(avatar, look, views[0], poses)
        if teacher.errors([first], [0], REST[None])[0] < _SAME:
            return teacher
    return None
