"""A drawn presenter in, an avatar pack out."""

from __future__ import annotations

import hashlib
import io
import json
import logging
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from appliance.face import packs
from appliance.face.avatar import BOXES, CARD, FORMAT, FRAMES, MASK, RULER
from appliance.face.ruler import Ruler
from appliance.face.training.idle import pose_at
from appliance.face.training.look import Look
from appliance.face.training.rig import CROP, REST, Portrait, scene
from appliance.face.training.scene import SIZE
from appliance.face.visemes import PARAMETERS, aperture

logger = logging.getLogger(__name__)

FPS = 25
LOOP = 200
"""Frames: 8 s, 79 MB once decoded."""
_POSES = 10
"""Of the loop, in which the ruler is fitted."""
Pixels = NDArray[np.uint8]


def build(out: Path, look: Look, *, name: str, net: str) -> Path:
    """Draw the idle loop and write the pack; the same look gives the same pack."""
    background = scene(look)
    pictures = [Portrait(look, pose_at(frame, LOOP, FPS), background=background).draw(REST) for frame in range(LOOP)]
    mask = cv2.imencode(".png", feathered(CROP[2]))[1].tobytes()
    weights = io.BytesIO()
    np.save(weights, ruler(look).weights)
    files = {
        FRAMES: encode(pictures),
        BOXES: json.dumps([list(CROP)]).encode(),
        MASK: mask,
        RULER: weights.getvalue(),
    }
    hashes = "".join(f'"{key}" = "{hashlib.sha256(data).hexdigest()}"\n' for key, data in files.items())
    card = (
        f'format = {FORMAT}\nname = "{name}"\nwidth = {SIZE}\nheight = {SIZE}\nfps = {FPS}\nframes = {LOOP}\n'
        f'licence = "Apache-2.0"\nauthor = "The avatar appliance"\nnet = "{net}"\n'
        f'ai_label = "This face is drawn and moved by software."\n\n[files]\n{hashes}'
    )
    packs.write({CARD: card.encode(), **files}, out)
    logger.info("avatar written", extra={"path": str(out), "bytes": out.stat().st_size})
    return out


def ruler(look: Look, seed: int = 4) -> Ruler:
    """Fit a ruler to drawings of this look, in poses of its loop."""
    pick = np.random.default_rng(seed)
    faces, rests, mouths = list[Pixels](), list[Pixels](), list[NDArray[np.float32]]()
    for frame in np.linspace(0, LOOP, _POSES, endpoint=False).astype(int).tolist():
        portrait = Portrait(look, pose_at(frame, LOOP, FPS), box=CROP)
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


def encode(pictures: list[Pixels], *, crf: int = 13) -> bytes:
    """Encode BGR pictures as H.264 in MP4, with a key frame each second; one thread, so that it is repeatable."""
    target = io.BytesIO()
    with av.open(target, "w", format="mp4") as film:
        stream = film.add_stream("libx264", rate=FPS)
        stream.width, stream.height = pictures[0].shape[1], pictures[0].shape[0]
        stream.pix_fmt = "yuv420p"
        stream.time_base = Fraction(1, FPS)
        stream.thread_count = 1
        stream.options = {"crf": str(crf), "preset": "slow", "g": str(FPS), "tune": "animation"}
        for number, picture in enumerate(pictures):
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


def contact_sheet(pictures: list[Pixels], columns: int, convert: Callable[[Pixels], Pixels] | None = None) -> Pixels:
    """Lay pictures of one size side by side."""
    shown = [convert(picture) if convert else picture for picture in pictures]
    blank = np.zeros_like(shown[0])
    rows = [shown[at : at + columns] for at in range(0, len(shown), columns)]
    return np.concatenate([np.concatenate([*row, *[blank] * (columns - len(row))], 1) for row in rows])
