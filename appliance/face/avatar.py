"""An avatar pack in, its frames, face boxes and mouth mask out: everything a face is made of except the net.

A pack is a folder, or a zip named `.avatar`, with card.toml (who it is, the clips of its film, and the sha256 of the
other files), frames.mp4 (the film, H.264 4:2:0: clips one after the other, or one idle loop), boxes.json (the face box
of every frame) and mask.png (where the mouth may change it); where its lips can be measured, ruler.npy; and, where the
face net was trained on this person, her own net.onnx. A signature.json signs the card, and by its hashes all the rest.
"""

from __future__ import annotations

import datetime
import hashlib
import io
import json
import tempfile
import tomllib
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import av
import av.error
import cv2
import numpy as np
from numpy.typing import NDArray

from appliance.bundles import signing
from appliance.bundles.manifest import cache
from appliance.errors import AvatarError
from appliance.face.consent import Consent, words
from appliance.face.life import Clip
from appliance.face.overlay import Overlay, lay
from appliance.face.ruler import N_WEIGHTS, Ruler

Bytes = NDArray[np.uint8]

CARD = "card.toml"
FRAMES, BOXES, MASK = "frames.mp4", "boxes.json", "mask.png"
RULER, NET, SIGNATURE = "ruler.npy", "net.onnx", "signature.json"
FORMAT = 1
_FILE_LIMIT = 64 * 2**20
_FILM_LIMIT = 2**31
"""Bytes of all frames, decoded."""
_HINT = "fetch the avatar again, or build it with `python -m appliance.face.training`"


@dataclass(frozen=True, slots=True)
class Card:
    """What a pack says of itself."""

    name: str
    """The presenter's name."""
    width: int
    """Width of the picture, pixels, even."""
    height: int
    """Height of the picture, pixels, even."""
    fps: int
    """Frames of the film in one second."""
    frames: int
    """Frames in the film."""
    licence: str
    """SPDX name of the pack's licence."""
    author: str
    """Who made it."""
    net: str
    """Name of the face net that it was made for."""
    ai_label: str
    """The words that tell a visitor that this face is generated."""
    files: dict[str, str]
    """sha256 of each other file, by name."""
    clips: tuple[Clip, ...] = ()
    """What the film consists of; where there is none, all of it is one loop."""
    photo: bool = False
    """Whether it was made from a real person's photo."""
    consent: Consent | None = None
    """What that person allowed; None where nobody did, and it is for tests only."""


@dataclass(frozen=True, slots=True, eq=False)
class Avatar:
    """A presenter, decoded once and shared by all sessions; nothing in it is ever written to."""

    card: Card
    """What it says of itself."""
    frames: Bytes
    """(n, height * 3 / 2, width) uint8, I420, BT.601 limited range; mapped from a file that has no name any more."""
    boxes: NDArray[np.int32]
    """(n, 3): left, top and size of the face box in each frame, pixels, even."""
    mask: Bytes
    """(size, size) uint8 over the largest box: 255 where the net's mouth is shown, 0 where the frame stays."""

    ruler: Ruler | None = None
    """Reads its lips; None where nobody fitted one."""
    net: bytes | None = None
    """Content of the ONNX file that draws it; None where the default net does."""
    signer: str = ""
    """Fingerprint of the key that signed it; empty where none did."""

    @property
    def width(self) -> int:
        """Width of the picture, pixels."""
        return self.card.width

    @property
    def height(self) -> int:
        """Height of the picture, pixels."""
        return self.card.height

    @property
    def n_frames(self) -> int:
        """Frames in the film."""
        return len(self.frames)

    def inset(self, share: float) -> Avatar:
        """The same with less around the face: its boxes are smaller by a share of their size on each side."""
        if share == 0:
            return self
        rims = np.rint(self.boxes[:, 2:] * share / 2).astype(np.int32) * 2
        cut = round(len(self.mask) * share)
        mask = np.ascontiguousarray(self.mask[cut : len(self.mask) - cut, cut : len(self.mask) - cut])
        return replace(self, boxes=self.boxes + rims * np.array([1, 1, -2], np.int32), mask=mask)


def portrait(avatar: Avatar) -> bytes:
    """The face at rest: the film's first frame as PNG."""
    picture = cv2.cvtColor(avatar.frames[0], cv2.COLOR_YUV2BGR_I420)
    return cv2.imencode(".png", picture)[1].tobytes()


def read_card(path: Path) -> Card:
    """What a pack says of itself, without a look at the rest.

    Raises:
        AvatarError: not-found, or incompatible.
    """
    return _card(pack_files(path)[CARD])


def load_avatar(path: Path, *, name_plate: str = "", ai_label: bool = True) -> Avatar:
    """Read and verify a pack, a folder or a zip. A real person's frames say so where she gave no consent.

    Args:
        name_plate: what is written under the face; nothing where it is empty.
        ai_label: whether a real person's frames say that they are generated.
    Raises:
        AvatarError: not-found, checksum-mismatch (a file differs from its hash in the card), signature-mismatch (the
            card differs from what was signed), or incompatible.
    """
    files = pack_files(path)
    text = files.pop(CARD)
    card, signer = _card(text), _signer(text, files.pop(SIGNATURE, None), path)
    for name, data in files.items():
        digest = hashlib.sha256(data).hexdigest()
        if digest != card.files.get(name):
            raise AvatarError(
                f"{name} in {path.name} is not the file its card names", code="checksum-mismatch", hint=_HINT
            )
    frames = _decode(files[FRAMES], card)
    boxes = _boxes(files[BOXES], card)
    mask = _mask(files[MASK], int(boxes[:, 2].max()))
    overlay = Overlay(
        band=words(card.consent, datetime.date.today()) if card.photo else "",
        name=name_plate,
        label=card.ai_label if card.photo and ai_label else "",
    )
    if overlay != Overlay():
        lay(frames, card.height, overlay, _mouths(boxes, mask))
    frames.flags.writeable = False
    ruler = _ruler(files[RULER]) if RULER in files else None
    return Avatar(card, frames, boxes, mask, ruler, files.get(NET), signer)


def pack_files(path: Path) -> dict[str, bytes]:
    """What a pack consists of, by name, not verified; whatever else lies in it is left out.

    Raises:
        AvatarError: not-found, or incompatible.
    """
    names = [CARD, FRAMES, BOXES, MASK]
    try:
        if path.is_dir():
            names += [name for name in (RULER, NET, SIGNATURE) if (path / name).exists()]
            return {name: _bounded((path / name).stat().st_size, name) or (path / name).read_bytes() for name in names}
        with zipfile.ZipFile(path) as pack:
            names += [name for name in (RULER, NET, SIGNATURE) if name in pack.namelist()]
            return {name: _bounded(pack.getinfo(name).file_size, name) or pack.read(name) for name in names}
    except (FileNotFoundError, KeyError) as error:
        raise AvatarError(f"{path} is no avatar: {error} is missing", code="not-found", hint=_HINT) from error
    except (OSError, zipfile.BadZipFile) as error:
        raise AvatarError(f"{path} cannot be read as an avatar", code="incompatible", hint=_HINT) from error


def _bounded(size: int, name: str) -> None:
    if size > _FILE_LIMIT:
        raise AvatarError(f"{name} is {size} bytes, more than an avatar's file may be", code="incompatible", hint=_HINT)


def _signer(card: bytes, signature: bytes | None, path: Path) -> str:
    try:
        return signing.signer(card, signature) if signature is not None else ""
    except ValueError as error:
        message = f"the card in {path.name} is not the one that was signed"
        raise AvatarError(message, code="signature-mismatch", hint=_HINT) from error


def _card(text: bytes) -> Card:
    try:
        values: dict[str, Any] = tomllib.loads(text.decode())
        if values.pop("format") != FORMAT:
            raise ValueError("another format")
        told: list[dict[str, Any]] = values.pop("clips", [])
        clips = tuple(Clip(exits=tuple(clip.pop("exits")), **clip) for clip in told)
        if "consent" in values:
            values["consent"] = Consent.read(values["consent"])
        card = Card(**values, clips=clips)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise AvatarError(f"the avatar's card cannot be used: {error}", code="incompatible", hint=_HINT) from error
    numbers = (card.width, card.height, card.fps, card.frames)
    if not all(type(number) is int and number > 0 for number in numbers) or card.width % 2 or card.height % 2:
        raise AvatarError("the avatar's card has sizes that cannot be", code="incompatible", hint=_HINT)
    if card.frames * card.width * card.height * 3 // 2 > _FILM_LIMIT:
        raise AvatarError("the avatar's film needs more than 2 GiB", code="incompatible", hint="make it shorter")
    if not all(_inside(clip, card.frames) for clip in card.clips):
        raise AvatarError("the avatar's clips do not fit its film", code="incompatible", hint=_HINT)
    return card


def _inside(clip: Clip, frames: int) -> bool:
    numbers = (clip.first, clip.frames, *clip.exits)
    whole = all(type(number) is int and number >= 0 for number in numbers) and type(clip.name) is type(clip.kind) is str
    return whole and 0 < clip.frames <= frames - clip.first and max(clip.exits, default=0) < clip.frames


def _decode(data: bytes, card: Card) -> Bytes:
    """Decode the film straight to I420, without a way through RGB: (n, height * 3 / 2, width).

    It is mapped from a file in the cache's folder, so that the system may take its memory back where it is short.
    """
    count = 0
    try:
        cache().mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=cache()) as raw, av.open(io.BytesIO(data), "r") as film:
            for frame in film.decode(video=0):
                if (frame.width, frame.height) != (card.width, card.height) or count == card.frames:
                    raise AvatarError("the avatar's frames are not what its card says", code="incompatible", hint=_HINT)
                raw.write(frame.to_ndarray(format="yuv420p").tobytes())
                count += 1
            if count != card.frames:
                message = f"the avatar has {count} frames, not {card.frames}"
                raise AvatarError(message, code="incompatible", hint=_HINT)
            raw.flush()
            shape = (count, card.height * 3 // 2, card.width)
            return np.memmap(raw, np.uint8, mode="r+", shape=shape)
    except (av.error.FFmpegError, IndexError, ValueError) as error:
        raise AvatarError("the avatar's frames cannot be decoded", code="incompatible", hint=_HINT) from error
    except OSError as error:
        message = f"the avatar's frames cannot be kept in {cache()}: {error.strerror}"
        raise AvatarError(message, code="no-room", hint="make room there, or set APPLIANCE_HOME") from error


def _boxes(data: bytes, card: Card) -> NDArray[np.int32]:
    """One box for all frames, or one for each."""
    try:
        boxes = np.array(cast("list[list[int]]", json.loads(data)), np.int32).reshape(-1, 3)
    except (ValueError, TypeError, OverflowError) as error:
        raise AvatarError("the avatar's boxes cannot be read", code="incompatible", hint=_HINT) from error
    if len(boxes) == 1:
        boxes = np.repeat(boxes, card.frames, 0)
    far = boxes[:, :2] + boxes[:, 2:]
    inside = boxes.min(initial=0) >= 0 and bool((far <= (card.width, card.height)).all())
    if len(boxes) != card.frames or not inside or (boxes % 2).any() or boxes[:, 2].min(initial=32) < 32:
        raise AvatarError("the avatar's boxes do not fit its frames", code="incompatible", hint=_HINT)
    return boxes


def _mask(data: bytes, size: int) -> Bytes:
    mask = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE) if data else None
    if mask is None or mask.ndim != 2:
        raise AvatarError("the avatar's mask cannot be read", code="incompatible", hint=_HINT)
    return np.asarray(mask if mask.shape == (size, size) else cv2.resize(mask, (size, size)), np.uint8)


def _mouths(boxes: NDArray[np.int32], mask: Bytes) -> tuple[int, int]:
    """The highest and the lowest row of the picture in which the mask lets a mouth be drawn."""
    rows = np.flatnonzero(mask.any(1)) if mask.any() else np.array([0])
    shares = boxes[:, 2] / len(mask)
    return int((boxes[:, 1] + rows[0] * shares).min()), int(np.ceil((boxes[:, 1] + (rows[-1] + 1) * shares).max()))


def _ruler(data: bytes) -> Ruler:
    try:
        weights = np.load(io.BytesIO(data), allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise AvatarError("the avatar's ruler cannot be read", code="incompatible", hint=_HINT) from error
    if weights.shape != (N_WEIGHTS,) or weights.dtype != np.float32 or not np.isfinite(weights).all():
        raise AvatarError("the avatar's ruler does not fit", code="incompatible", hint=_HINT)
    return Ruler(weights)
