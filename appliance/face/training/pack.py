"""A drawn presenter in, an avatar pack out."""

from __future__ import annotations

import logging
from itertools import accumulate
from pathlib import Path

import numpy as np
import skia
from numpy.typing import NDArray

from appliance.face import life
from appliance.face.making.pack import Content, Words, write
from appliance.face.ruler import Ruler
from appliance.face.training.clips import CLIPS
from appliance.face.training.look import Look
from appliance.face.training.rig import REST, Portrait
from appliance.face.training.scene import scene
from appliance.face.training.view import FACE, SQUARE, View
from appliance.face.visemes import PARAMETERS, aperture

logger = logging.getLogger(__name__)

_POSES = 10
"""Of the film, in which the ruler is fitted."""
Pixels = NDArray[np.uint8]


def build(
    out: Path, look: Look, *, name: str, net: str, view: View = SQUARE, background: skia.Image | None = None
) -> Path:
    """Draw the clips and write the pack; the same look gives the same pack.

    The background is as large as the view and opaque; where none is given, it is the look's own.
    """
    background = background or scene(look, view)
    poses = [pose for clip in CLIPS.values() for pose in clip.poses()]
    starts = accumulate((clip.frames for clip in CLIPS.values()), initial=0)
    content = Content(
        pictures=(Portrait(look, pose, view=view, background=background).draw(REST) for pose in poses),
        boxes=[view.box()],
        ruler=ruler(look),
        clips=[
            life.Clip(clip.name, clip.kind, first, clip.frames, tuple(clip.exits()))
            for clip, first in zip(CLIPS.values(), starts, strict=False)
        ],
    )
    write(content, Words(name=name, net=net), out)
    logger.info("avatar written", extra={"path": str(out), "bytes": out.stat().st_size})
    return out


def ruler(look: Look, seed: int = 4) -> Ruler:
    """Fit a ruler to drawings of this look, in poses of its film."""
    pick = np.random.default_rng(seed)
    faces, rests, mouths = list[Pixels](), list[Pixels](), list[NDArray[np.float32]]()
    poses = [pose for clip in CLIPS.values() for pose in clip.poses()]
    for at in np.linspace(0, len(poses), _POSES, endpoint=False).astype(int).tolist():
        portrait = Portrait(look, poses[at], view=FACE)
        rest = portrait.draw(REST)
        for mouth in _some_mouths(pick):
            faces.append(portrait.draw(mouth))
            rests.append(rest)
            mouths.append(mouth)
    return Ruler.fit(np.stack(faces), np.stack(rests), aperture(np.stack(mouths)))


def _some_mouths(pick: np.random.Generator) -> NDArray[np.float32]:
    """(100, 8): all kinds, pressed and tucked ones as often as in speech, a third of them nearly closed."""
    mouths = pick.random((100, len(PARAMETERS))).astype(np.float32)
    mouths[:, PARAMETERS.index("press")] *= pick.random(100) < 0.3
    mouths[:, PARAMETERS.index("tuck")] *= pick.random(100) < 0.2
    mouths[:33, PARAMETERS.index("jaw")] *= 0.2
    return mouths
