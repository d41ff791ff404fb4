"""A drawn presenter in, an avatar pack out."""

from __future__ import annotations

import hashlib
import io
import json
import logging
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import skia
from numpy.typing import NDArray

from appliance.face import packs
from appliance.face.avatar import BOXES, CARD, FORMAT, FRAMES, MASK, RULER
from appliance.face.ruler import Ruler
from appliance.face.training.clips import CLIPS, FPS
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
    box = view.box()
    poses = [pose for clip in CLIPS.values() for pose in clip.poses()]
    mask = cv2.imencode(".png", feathered(box[2]))[1].tobytes()
    weights = io.BytesIO()
    np.save(weights, ruler(look).weights)
    files = {
        FRAMES: encode(Portrait(look, pose, view=view, background=background).draw(REST) for pose in poses),
        BOXES: json.dumps([list(box)]).encode(),
        MASK: mask,
        RULER: weights.getvalue(),
    }
    hashes = "".join(f'"{key}" = "{hashlib.sha256(data).hexdigest()}"\n' for key, data in files.items())
    card = (
        f'format = {FORMAT}\nname = "{name}"\nwidth = {view.width}\nheight = {view.height}\n'
        f"fps = {FPS}\nframes = {len(poses)}\n"
        f'licence = "Apache-2.0"\nauthor = "The avatar appliance"\nnet = "{net}"\n'
        f'ai_label = "This face is drawn and moved by software."\n\n[files]\n{hashes}{_clips_told()}'
    )
    packs.write({CARD: card.encode(), **files}, out)
    logger.info("avatar written", extra={"path": str(out), "bytes": out.stat().st_size})
    return out


def _clips_told() -> str:
    """The clips as a card tells them."""
    told, first = "", 0
    for clip in CLIPS.values():
        told += (
            f'\n[[clips]]\nname = "{clip.name}"\nkind = "{clip.kind}"\n'
            f"first = {first}\nframes = {clip.frames}\nexits = {list(clip.exits())}\n"
        )
        first += clip.frames
    return told


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


def encode(pictures: Iterable[Pixels], *, crf: int = 13) -> bytes:
    """Encode BGR pictures as H.264 in MP4, with a key frame each second; one thread, so that it is repeatable."""
    target = io.BytesIO()
    with av.open(target, "w", format="mp4") as film:
        stream = film.add_stream("libx264", rate=FPS)
        stream.pix_fmt = "yuv420p"
        stream.time_base = Fraction(1, FPS)
        stream.thread_count = 1
        stream.options = {"crf": str(crf), "preset": "slow", "g": str(FPS), "tune": "animation"}
        for number, picture in enumerate(pictures):
            if not number:
                stream.width, stream.height = picture.shape[1], picture.shape[0]
            frame = av.VideoFrame.from_ndarray(cv2.cvtColor(picture, cv2.COLOR_BGR2YUV_I420), format="yuv420p")
            frame.pts = number
            film.mux(stream.encode(frame))
        film.mux(stream.encode())
    return target.getvalue()


def feathered(size: int) -> Pixels:
    """The mask of what a mouth moves: the lower half of the box, jaw and chin included, fading at its edges."""
    y, x = np.mgrid[0:size, 0:size] * (192 / size)

    def fade(at: NDArray[np.float64]) -> NDArray[np.float64]:
        share = np.clip(at, 0, 1)
        return share * share * (3 - 2 * share)

    inside = fade((y - 97) / 13) * fade((190 - y) / 12) * fade((90 - np.abs(x - 95.5)) / 16)
    return np.round(255 * inside).astype(np.uint8)
