"""An avatar's frame and a mouth in, one finished I420 picture out; nothing outside the mouth's mask is touched."""

from __future__ import annotations

from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from appliance.face.avatar import Avatar

Bytes = NDArray[np.uint8]
Words = NDArray[np.uint16]
_Weights = tuple[tuple[Words, Words], tuple[Words, Words]]

EASE = (0.62, 0.26, 0.07)
"""What is left of the last mouth in the frames after speech ends: closed within 120 ms at 25 fps, without a snap."""


class Compositor:
    """Makes pictures of one avatar for one viewer: idle frames, mouths blended into them, the way back to rest."""

    def __init__(self, avatar: Avatar) -> None:
        """Prepare the masks; the avatar's frames are shared, not copied."""
        self._avatar = avatar
        self._masks: dict[int, _Mask] = {}
        self._given: bytes | None = None
        self._from: Bytes | None = None
        self._eased = len(EASE)

    def idle(self, index: int) -> bytes:
        """The frame of this running index with its mouth at rest: height * 3 / 2 * width bytes of I420."""
        return self._frame(index).tobytes()

    def crop(self, index: int, size: int, picture: bytes | None = None) -> Bytes:
        """The face box of a frame, or of a picture that was made of it, as the net takes it: (size, size, 3) BGR."""
        left, top, side = self._box(index)
        whole = self._frame(index)
        if picture is not None:
            whole = np.frombuffer(picture, np.uint8).reshape(whole.shape)
        cut = _cut(whole, self._avatar.height, (left, top, side, side))
        face = cv2.cvtColor(cut, cv2.COLOR_YUV2BGR_I420)
        if side != size:
            face = cv2.resize(face, (size, size), interpolation=cv2.INTER_AREA if side > size else cv2.INTER_CUBIC)
        return cast("Bytes", face)

    def region(self, size: int) -> tuple[int, int, int, int]:
        """The part of a net's picture of this size that `blend` needs: left, top, width and height.

        It is the mouth's alone where faces are shown as large as they are drawn; what is resized is needed whole.
        """
        return self._mask(size).box if bool((self._avatar.boxes[:, 2] == size).all()) else (0, 0, size, size)

    def blend(self, index: int, face: Bytes, strength: float = 1.0) -> bytes:
        """Put a face, (S, S, 3) uint8 BGR, or its `region`, into a frame; strength 0 leaves the frame as it is."""
        left, top, side = self._box(index)
        if strength <= 0:
            return self.idle(index)
        mask = self._mask(side)
        x, y, width, height = mask.box
        if face.shape[:2] != (height, width):
            if face.shape[0] != side:
                face = cast("Bytes", cv2.resize(face, (side, side), interpolation=cv2.INTER_CUBIC))
            face = np.ascontiguousarray(face[y : y + height, x : x + width])
        drawn = cast("Bytes", cv2.cvtColor(face, cv2.COLOR_BGR2YUV_I420))
        picture = self._frame(index).copy()
        self._mix(picture, drawn, (left + x, top + y, width, height), mask.scaled(strength))
        return picture.tobytes()

    def ease(self, index: int, last: bytes) -> bytes:
        """The next picture in silence, after `last` was shown: its mouth, if it was open, closes within 120 ms."""
        if last is not self._given:
            self._eased = 0
            self._from = np.frombuffer(last, np.uint8).reshape(self._avatar.height * 3 // 2, self._avatar.width)
        if self._eased >= len(EASE) or self._from is None:
            self._from, self._given = None, self.idle(index)
            return self._given
        left, top, side = self._box(index)
        mask = self._mask(side)
        x, y, width, height = mask.box
        box = (left + x, top + y, width, height)
        picture = self._frame(index).copy()
        mouth = _cut(self._from, self._avatar.height, box)
        self._mix(picture, mouth, box, mask.scaled(EASE[self._eased]))
        self._eased += 1
        self._given = picture.tobytes()
        return self._given

    def at_rest(self, last: bytes) -> bool:
        """Whether `last` came from `ease` and its mouth is closed."""
        return last is self._given and self._eased >= len(EASE)

    def _frame(self, index: int) -> Bytes:
        return cast("Bytes", self._avatar.frames[index % self._avatar.n_frames])

    def _box(self, index: int) -> tuple[int, int, int]:
        left, top, side = self._avatar.boxes[index % self._avatar.n_frames]
        return int(left), int(top), int(side)

    def _mask(self, side: int) -> _Mask:
        if side not in self._masks:
            self._masks[side] = _Mask(self._avatar.mask, side)
        return self._masks[side]

    def _mix(self, picture: Bytes, drawn: Bytes, box: tuple[int, int, int, int], masks: _Weights) -> None:
        """Blend an I420 piece of box's size into the picture, by the two masks of luma and chroma."""
        full, half = masks
        height = box[3]
        chroma = drawn[height:].reshape(2, height // 2, box[2] // 2)
        luma, blue, red = _planes(picture, self._avatar.height)
        x, y, width, _ = box
        _lerp(luma[y : y + height, x : x + width], drawn[:height], full)
        for plane, piece in ((blue, chroma[0]), (red, chroma[1])):
            _lerp(plane[y // 2 : (y + height) // 2, x // 2 : (x + width) // 2], cast("Bytes", piece), half)


class _Mask:
    """The mouth's mask at one box size, cut to where it is not zero."""

    def __init__(self, mask: Bytes, side: int) -> None:
        if mask.shape[0] != side:
            mask = cast("Bytes", cv2.resize(mask, (side, side), interpolation=cv2.INTER_AREA))
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        if not len(rows):
            rows, columns = np.array([0, 1]), np.array([0, 1])
        # Even edges, so that luma and chroma cut at the same place.
        left, top = int(columns[0]) // 2 * 2, int(rows[0]) // 2 * 2
        width, height = (int(columns[-1]) - left) // 2 * 2 + 2, (int(rows[-1]) - top) // 2 * 2 + 2
        self.box = (left, top, width, height)
        self._full = np.ascontiguousarray(mask[top : top + height, left : left + width])
        self._half = np.asarray(
            cv2.resize(self._full, (width // 2, height // 2), interpolation=cv2.INTER_AREA), np.uint8
        )
        self._unscaled = _weights(self._full), _weights(self._half)

    def scaled(self, strength: float) -> _Weights:
        """The luma and chroma masks, weakened."""
        if strength >= 1:
            return self._unscaled
        share = round(strength * 256)
        weaken = (np.arange(256) * share >> 8).astype(np.uint8)
        return _weights(weaken[self._full]), _weights(weaken[self._half])


def _weights(mask: Bytes) -> tuple[Words, Words]:
    """What the new and the old byte count for, of 255."""
    return mask.astype(np.uint16), (255 - mask).astype(np.uint16)


def _lerp(target: Bytes, piece: Bytes, weights: tuple[Words, Words]) -> None:
    """target += (piece - target) * mask / 255 in place, rounded to the nearest; mask 0 leaves a byte as it was."""
    new, old = weights
    total = target * old
    total += piece * new
    # (n + 128 + (n + 128 >> 8)) >> 8 is n / 255, rounded, for every n up to 255 * 255: it stays below 2 ** 16.
    total += 128
    total += total >> 8
    total >>= 8
    target[:] = total


def _planes(picture: Bytes, height: int) -> tuple[Bytes, Bytes, Bytes]:
    """Views of the three planes of an I420 picture, (height * 3 / 2, width)."""
    width = picture.shape[1]
    chroma = picture[height:].reshape(2, height // 2, width // 2)
    return picture[:height], cast("Bytes", chroma[0]), cast("Bytes", chroma[1])


def _cut(picture: Bytes, height: int, box: tuple[int, int, int, int]) -> Bytes:
    """A piece of an I420 picture, as an I420 picture of its own; box is left, top, width, height, all even."""
    x, y, width, tall = box
    piece = np.empty((tall * 3 // 2, width), np.uint8)
    for target, source in zip(_planes(piece, tall), _planes(picture, height), strict=True):
        share = width // target.shape[1]
        left, top = x // share, y // share
        target[:] = source[top : top + target.shape[0], left : left + target.shape[1]]
    return piece
