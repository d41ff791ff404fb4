"""An idle loop and what belongs to it in, an avatar pack out."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from appliance.face import packs
from appliance.face.avatar import BOXES, CARD, FORMAT, FRAMES, MASK, NET, RULER
from appliance.face.consent import Consent
from appliance.face.life import Clip
from appliance.face.ruler import Ruler

Pixels = NDArray[np.uint8]

FPS = 25
LOOP = 200
"""Frames: 8 s, 79 MB once decoded at 512 x 512."""


@dataclass(frozen=True, slots=True, eq=False)
class Content:
    """What a pack is made of."""

    pictures: Iterable[Pixels]
    """The film, BGR, drawn as it is encoded: clips one after the other; or one idle loop, the last into the first."""
    boxes: Sequence[tuple[int, int, int]]
    """left, top and side of the face's box in each picture, or one for all; pixels, even, all of one side."""
    ruler: Ruler
    """Reads its lips."""
    net: bytes | None = None
    """Content of its own face net, where it has one."""
    clips: Sequence[Clip] = ()
    """What the film consists of; none where it is one loop."""


@dataclass(frozen=True, slots=True)
class Words:
    """What its card says."""

    name: str
    """The presenter's name."""
    net: str
    """Name of the face net that it was made for."""
    licence: str = "Apache-2.0"
    """SPDX name of its licence."""
    author: str = "The avatar appliance"
    """Who made it."""
    ai_label: str = "This face is drawn and moved by software."
    """The words that tell a visitor that it is generated."""
    photo: bool = False
    """Whether it shows a real person."""
    consent: Consent | None = None
    """What that person allowed."""


def write(content: Content, words: Words, out: Path) -> Path:
    """Write the pack; the same content gives the same bytes."""
    film = encode(content.pictures)
    weights = io.BytesIO()
    np.save(weights, content.ruler.weights)
    files = {
        FRAMES: film.data,
        BOXES: json.dumps([list(box) for box in content.boxes]).encode(),
        MASK: cv2.imencode(".png", feathered(content.boxes[0][2]))[1].tobytes(),
        RULER: weights.getvalue(),
    }
    if content.net is not None:
        files[NET] = content.net
    card = [f"format = {FORMAT}", f"name = {_text(words.name)}", f"width = {film.width}", f"height = {film.height}"]
    card += [f"fps = {FPS}", f"frames = {film.frames}"]
    card += [f"{key} = {_text(getattr(words, key))}" for key in ("licence", "author", "net", "ai_label")]
    card += ["photo = true"] if words.photo else []
    card += ["", "[files]", *[f'"{name}" = "{hashlib.sha256(data).hexdigest()}"' for name, data in files.items()]]
    if words.consent is not None:
        given = words.consent
        card += ["", "[consent]", f"by = {_text(given.by)}", f"purpose = {_text(given.purpose)}"]
        card += [f"given = {given.given}", f"until = {given.until}"]
    for clip in content.clips:
        card += ["", "[[clips]]", f"name = {_text(clip.name)}", f"kind = {_text(clip.kind)}"]
        card += [f"first = {clip.first}", f"frames = {clip.frames}", f"exits = {list(clip.exits)}"]
    packs.write({CARD: ("\n".join(card) + "\n").encode(), **files}, out)
    return out


def _text(value: str) -> str:
    """A TOML string: JSON's escapes are among TOML's."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


@dataclass(frozen=True, slots=True)
class Film:
    """Pictures that were encoded."""

    data: bytes
    """H.264 4:2:0 in MP4."""
    frames: int
    """How many."""
    width: int
    """Pixels."""
    height: int
    """Pixels."""


def encode(pictures: Iterable[Pixels], *, crf: int = 13) -> Film:
    """Encode BGR pictures of one size, with a key frame each second; one thread, so that it is repeatable."""
    target = io.BytesIO()
    count = 0
    with av.open(target, "w", format="mp4") as film:
        stream = film.add_stream("libx264", rate=FPS)
        stream.pix_fmt = "yuv420p"
        stream.time_base = Fraction(1, FPS)
        stream.thread_count = 1
        stream.options = {"crf": str(crf), "preset": "slow", "g": str(FPS), "tune": "animation"}
        for count, picture in enumerate(pictures, 1):
            if count == 1:
                stream.width, stream.height = picture.shape[1], picture.shape[0]
            planes = np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2YUV_I420), np.uint8)
            frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
            frame.pts = count - 1
            film.mux(stream.encode(frame))
        film.mux(stream.encode())
        width, height = stream.width, stream.height
    return Film(target.getvalue(), count, width, height)


def feathered(size: int) -> Pixels:
    """The mask of what a mouth moves: the lower half of the box, jaw and chin included, fading at its edges."""
    y, x = np.mgrid[0:size, 0:size] * (192 / size)

    def fade(at: NDArray[np.float64]) -> NDArray[np.float64]:
        share = np.clip(at, 0, 1)
        return share * share * (3 - 2 * share)

    inside = fade((y - 97) / 13) * fade((190 - y) / 12) * fade((90 - np.abs(x - 95.5)) / 16)
    return np.round(255 * inside).astype(np.uint8)
