"""A face net bound to one avatar's loop: frame numbers and what drives the mouth in, finished mouths out.

What the net makes of a frame alone is the same each time round: it is computed once and kept.
"""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from appliance.errors import AvatarError
from appliance.face import graph
from appliance.face.mel import N_MELS, WINDOW
from appliance.face.net import BROKEN, CUDA, FaceNet
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
            cache_mib: memory for what is kept of the frames; where it does not suffice, the net is run whole.
        Raises:
            AvatarError: the net cannot be run.
        """
        self._mel, self._drive = net.mel, net.mouth or net.mel
        self._listener = net.open(graph.sound_half(net.model, net.mel, net.mouth)) if net.mouth else None
        cut = graph.frontier(net.model, net.mel, net.face)
        banks = _banks(net, crops, cut, cache_mib * 2**20)
        if banks is None:
            logger.info("face net is run whole", extra={"cache_mib": cache_mib, "frames": len(crops)})
            banks = _banks(net, crops, [net.face], None)
            assert banks is not None
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

    def listen(self, mels: Floats) -> Floats:
        """What `render` takes, of mel windows (n, 80, 16) in [-4, 4]: the mouths, (n, 8), where the net has such.

        Raises:
            AvatarError: code inference-failed.
        """
        if self._listener is None or not len(mels):
            return mels
        try:
            (mouths,) = self._listener.run(None, {self._mel: np.ascontiguousarray(mels[:, None], np.float32)})
        except Exception as error:
            raise AvatarError("the face net failed", code="inference-failed", hint=BROKEN) from error
        return np.asarray(mouths, np.float32)

    def render(self, drive: Floats, indices: NDArray[np.int64]) -> Bytes:
        """Draw the mouths of a batch: (B, height, width, 3) uint8 BGR, the net's picture cut to the box.

        Args:
            drive: (B, 8) mouth parameters in [0, 1]; for a net without, (B, 80, 16) mel windows in [-4, 4].
            indices: (B,) running frame indices; the loop is walked with them.
        Raises:
            AvatarError: wrong shapes or values that are not finite; code inference-failed where the runtime failed.
        """
        batch = len(indices)
        wanted = (len(PARAMETERS),) if self.takes_mouths else (N_MELS, WINDOW)
        if drive.shape != (batch, *wanted) or not np.isfinite(drive).all():
            raise AvatarError(f"the face net was given {drive.shape} or what is not finite", code="avatar-input")
        rows = drive if self.takes_mouths else drive[:, None]
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
    reference = np.ascontiguousarray(crops.transpose(0, 3, 1, 2)).astype(np.float32) * np.float32(1 / 255)
    target = reference.copy()
    target[:, :, crops.shape[1] // 2 :] = 0
    return np.concatenate([target, reference], 1)


def _banks(net: FaceNet, crops: Bytes, cut: list[str], most_bytes: int | None) -> list[graph.Bank] | None:
    """What the picture half makes of all frames; None when it needs more memory than `most_bytes`."""
    if cut == [net.face]:

        def run(faces: Floats) -> list[Floats]:
            return [faces]
    else:
        session = net.open(graph.picture_half(net.model, net.face, cut))

        def run(faces: Floats) -> list[Floats]:
            return [np.asarray(value, np.float32) for value in session.run(cut, {net.face: faces})]

    first = [graph.packed(value) for value in run(face_input(crops[:1]))]
    if most_bytes is not None and sum(value.nbytes for value in first) * len(crops) > most_bytes:
        return None
    rows = [np.empty((len(crops), *value.shape[1:]), np.float32) for value in first]
    for at in range(0, len(crops), _AT_ONCE):
        for row, value in zip(rows, run(face_input(crops[at : at + _AT_ONCE])), strict=True):
            row[at : at + _AT_ONCE] = value
    return [graph.Bank(name, graph.packed(row)) for name, row in zip(cut, rows, strict=True)]
