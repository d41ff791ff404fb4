"""A face net bound to one avatar's loop: frame numbers and what drives the mouth in, finished mouths out.

What the net makes of a frame alone is the same each time round: it is computed once and kept.
"""

from __future__ import annotations

import logging
from math import prod
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from appliance.errors import AvatarError
from appliance.face import graph
from appliance.face.encoder import AFTER, BEFORE, N_FEATURES
from appliance.face.mel import FLOOR, N_MELS, WINDOW
from appliance.face.net import FaceNet
from appliance.face.onnx_file import BROKEN, CUDA
from appliance.face.visemes import PARAMETERS

logger = logging.getLogger(__name__)

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]

_AT_ONCE = 8
"""Frames that the picture half is run on at once."""


class LoopNet:
    """The net for one avatar; one owner thread."""

    def __init__(self, net: FaceNet, crops: Bytes, box: graph.Box, *, cache_mib: int) -> None:
        """Prepare every frame of the loop.

        Args:
            crops: (n, S, S, 3) uint8 BGR, the face box of each frame of the loop, as large as the net's picture.
            box: left, top, width and height of the part of the net's picture that is wanted.
            cache_mib: memory for what is kept of the frames; where it does not suffice, less of the net is left out of
                each drawing, down to nothing.
        Raises:
            AvatarError: the net cannot be run.
        """
        self._sound, self._drive = net.sound, net.mouth or net.sound
        self._listener = net.open(graph.sound_half(net.model, net.sound, net.mouth)) if net.mouth else None
        self._encoder, self._window = net.encoder, net.window
        self.together = net.together
        """Whether `render` takes more than one frame."""
        banks = _banks(net, crops, cache_mib * 2**20)
        try:
            half = graph.other_half(net.model, self._drive, banks, box)
        except Exception as error:
            raise AvatarError("the face net cannot be divided", code="incompatible", hint="") from error
        self._session = net.open(half)
        self.cuda = CUDA in self._session.get_providers()
        """Whether it runs on a GPU, where the banks then lie."""
        device = "cuda" if self.cuda else "cpu"
        self._banks = {bank.input: ort.OrtValue.ortvalue_from_numpy(bank.values, device, 0) for bank in banks}
        self._shape = (box[3], box[2], 3)
        self.n_frames = len(crops)
        """Frames of the loop."""
        self.cached_bytes = sum(bank.values.nbytes for bank in banks)
        """What is kept of the frames."""

    @property
    def takes_mouths(self) -> bool:
        """Whether the mouth can be told instead of heard."""
        return self._listener is not None

    @property
    def takes_stretches(self) -> bool:
        """Whether it hears stretches of sound, for its encoder, and not mel windows."""
        return self._encoder is not None

    @property
    def silence(self) -> Floats:
        """What `listen` takes of one frame, where there is no sound."""
        if self.takes_stretches:
            return np.zeros(BEFORE + AFTER, np.float32)
        return np.full((N_MELS, WINDOW), FLOOR, np.float32)

    def listen(self, heard: Floats, times_s: NDArray[np.float64]) -> Floats:
        """What `render` takes, of the sound of each frame.

        Args:
            heard: (n, 80, 16) mel windows in [-4, 4]; for a net with an encoder, stretches (n, BEFORE + AFTER).
            times_s: (n,) when each frame is shown, seconds from anywhere.
        Returns:
            (n, 8) mouths, where the net has such; (n, rows, 1024) an encoder's features; else the windows.
        Raises:
            AvatarError: code inference-failed.
        """
        if self._encoder is not None and len(heard):
            return self._encoder.windows(heard, times_s, prod(self._window) // N_FEATURES)
        if self._listener is None or not len(heard):
            return heard
        try:
            (mouths,) = self._listener.run(None, {self._sound: np.ascontiguousarray(heard[:, None], np.float32)})
        except Exception as error:
            raise AvatarError("the face net failed", code="inference-failed", hint=BROKEN) from error
        return np.asarray(mouths, np.float32)

    def render(self, drive: Floats, indices: NDArray[np.int64]) -> Bytes:
        """Draw the mouths of a batch: (B, height, width, 3) uint8 BGR, the net's picture cut to the box.

        Args:
            drive: what `listen` gives of B frames; or mouth parameters (B, 8) in [0, 1], where the net takes them.
            indices: (B,) running frame indices; the loop is walked with them.
        Raises:
            AvatarError: wrong shapes or values that are not finite; code inference-failed where the runtime failed.
        """
        batch = len(indices)
        row = (len(PARAMETERS),) if self.takes_mouths else self._window
        if len(drive) != batch or drive.size != batch * prod(row) or not np.isfinite(drive).all():
            raise AvatarError(f"the face net was given {drive.shape} or what is not finite", code="avatar-input")
        rows = drive.reshape(batch, *row)
        feeds: dict[str, Any] = {
            self._drive: ort.OrtValue.ortvalue_from_numpy(np.ascontiguousarray(rows, np.float32)),
            graph.INDEX: ort.OrtValue.ortvalue_from_numpy(np.asarray(indices, np.int64) % self.n_frames),
            **self._banks,
        }
        try:
            mouths, total = self._session.run_with_ort_values([graph.MOUTH, graph.TOTAL], feeds)
            drawn: Bytes = np.asarray(mouths.numpy())
            finite = bool(np.isfinite(total.numpy()))
        except Exception as error:
            raise AvatarError("the face net failed", code="inference-failed", hint=BROKEN) from error
        if drawn.shape != (batch, *self._shape) or not finite:
            raise AvatarError("the face net gave no picture", code="inference-failed", hint=BROKEN)
        return drawn


def face_input(crops: Bytes) -> Floats:
    """(B, S, S, 3) uint8 BGR as the net takes it: (B, 6, S, S), the lower half of the target pose blacked out."""
    return _levels(crops).astype(np.float32) * np.float32(1 / 255)


def _levels(crops: Bytes) -> Bytes:
    """The same in 255ths."""
    reference = crops.transpose(0, 3, 1, 2)
    target = reference.copy()
    target[:, :, crops.shape[1] // 2 :] = 0
    return np.concatenate([target, reference], 1)


def _banks(net: FaceNet, crops: Bytes, most_bytes: int) -> list[graph.Bank]:
    """What the picture half makes of all frames, as far as there is room for it; the faces themselves where not."""
    cut = graph.frontier(net.model, net.sound, net.face)
    half = _PictureHalf(net, cut)
    sizes = {bank.name: bank.values.nbytes for bank in half.banks(crops[:1])}
    if cut != [net.face] and sum(sizes.values()) * len(crops) > most_bytes:
        cut = graph.fitting(net.model, net.face, cut, sizes, most_bytes // len(crops))
        told = {"kept": len(cut), "of": len(sizes), "frames": len(crops), "whole": cut == [net.face]}
        logger.info("face net keeps less of the frames than it could, for want of face.cache_mib", extra=told)
        half = _PictureHalf(net, cut)
    return half.banks(crops)


class _PictureHalf:
    """The net from the faces to the tensors of a cut."""

    def __init__(self, net: FaceNet, cut: list[str]) -> None:
        self._face, self._cut = net.face, cut
        self._made = [name for name in cut if name != net.face]
        self._session: Any = net.open(graph.picture_half(net.model, net.face, self._made)) if self._made else None
        self._at_once = _AT_ONCE if net.together else 1

    def banks(self, crops: Bytes) -> list[graph.Bank]:
        """Of (n, S, S, 3) uint8 crops."""
        faces = [graph.Bank(self._face, _levels(crops))] if self._face in self._cut else []
        rows: list[NDArray[Any]] = []
        for at in range(0, len(crops) if self._session else 0, self._at_once):
            made = self._run(face_input(crops[at : at + self._at_once]))
            rows = rows or [np.empty((len(crops), *value.shape[1:]), graph.packed(value).dtype) for value in made]
            for number, value in enumerate(made):
                piece = graph.packed(value)
                if piece.dtype != rows[number].dtype:  # what suits one frame may not suit another
                    rows[number], piece = graph.unpacked(rows[number]), value
                rows[number][at : at + self._at_once] = piece
        return [*faces, *(graph.Bank(name, row) for name, row in zip(self._made, rows, strict=True))]

    def _run(self, faces: Floats) -> list[Floats]:
        try:
            return list(self._session.run(self._made, {self._face: faces}))
        except Exception as error:
            raise AvatarError("the face net failed", code="inference-failed", hint=BROKEN) from error
