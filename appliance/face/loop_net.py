"""A face net bound to one avatar's loop: frame numbers and what drives the mouth in, finished mouths out.

What the net makes of a frame alone is the same each time round: it is computed once, when the frame is first drawn or
before, while nobody asks for anything.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from appliance.errors import AvatarError
from appliance.face import graph, warp
from appliance.face.encoder import N_FEATURES
from appliance.face.listener import Listener
from appliance.face.mel import FLOOR, N_MELS, WINDOW
from appliance.face.net import FaceNet
from appliance.face.onnx_file import BROKEN
from appliance.face.stretches import AFTER, BEFORE
from appliance.face.visemes import PARAMETERS

logger = logging.getLogger(__name__)

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]

_AT_ONCE = 8
"""Frames that the picture half is run on at once."""
_A_FEW = 4
"""The same in spare time: 20 ms, for which who comes in between waits."""


class LoopNet:
    """The net for one avatar; one owner thread."""

    def __init__(
        self,
        net: FaceNet,
        crop: Callable[[int], Bytes],
        n_frames: int,
        box: graph.Box,
        *,
        cache_mib: int,
        listener: Listener | None = None,
    ) -> None:
        """Divide the net, and make room for what is kept of the loop.

        Args:
            crop: gives the face box of a frame of the loop, (S, S, 3) uint8 BGR, as large as the net's picture.
            n_frames: frames of the loop.
            box: left, top, width and height of the part of the net's picture that is wanted.
            cache_mib: memory for what is kept of the frames; where it does not suffice, less of the net is left out of
                each drawing, down to nothing.
            listener: what hears for a net that takes mouths.
        Raises:
            AvatarError: the net cannot be run.
        """
        self._sound, self._drive = net.sound, net.mouth or net.sound
        self._sound_half = net.open(graph.sound_half(net.model, net.sound, net.mouth)) if net.mouth else None
        self._listener = listener if net.mouth else None
        self._encoder, self._window = net.encoder, net.window
        self.together = net.together
        """Whether `render` takes more than one frame."""
        model, box = graph.trimmed(net.model, box)
        self._kept = _FrameBanks(net, model, crop, n_frames, cache_mib * 2**20)
        self._session = warp.session(_other_half(model, self._drive, self._kept.banks, box), net.open)
        self.cuda = self._session.cuda
        """Whether it runs on a GPU, where the banks then lie."""
        if self.cuda:  # where they are copied to
            self._kept.prepare(np.arange(n_frames))
        self._banks = self._kept.values("cuda" if self.cuda else "cpu")
        self._shape = (box[3], box[2], 3)
        self.n_frames = n_frames
        """Frames of the loop."""
        self.cached_bytes = sum(bank.values.nbytes for bank in self._kept.banks)
        """What may be kept of the frames; it is taken frame by frame."""

    @property
    def takes_mouths(self) -> bool:
        """Whether the mouth can be told instead of heard."""
        return self._sound_half is not None

    @property
    def takes_stretches(self) -> bool:
        """Whether stretches of sound are heard, by its encoder or by the listener; else mel windows are."""
        return self._encoder is not None or self._listener is not None

    @property
    def rows(self) -> set[tuple[int, ...]]:
        """The shapes of what one frame may be drawn from."""
        taken = {
            (len(PARAMETERS),): self.takes_mouths,
            (BEFORE + AFTER,): self.takes_stretches,
            (N_MELS, WINDOW): self._encoder is None,
        }
        return {shape for shape, takes in taken.items() if takes}

    def at_rest(self) -> Floats:
        """What `render` takes of one frame in which nothing is said."""
        if self.takes_mouths:
            return np.zeros(len(PARAMETERS), np.float32)
        if self._encoder is not None:
            return self.listen(np.zeros((1, BEFORE + AFTER), np.float32), np.zeros(1))[0]
        return np.full((N_MELS, WINDOW), FLOOR, np.float32)

    def prepare(self) -> bool:
        """Make what is kept of the next few frames; False where nothing is left to do.

        Raises:
            AvatarError: code inference-failed.
        """
        return self._kept.prepare_next()

    def listen(self, heard: Floats, times_s: NDArray[np.float64]) -> Floats:
        """What `render` takes, of the sound of each frame.

        Args:
            heard: (n, 80, 16) mel windows in [-4, 4], or stretches (n, BEFORE + AFTER), where it takes them.
            times_s: (n,) when each frame is shown, seconds from anywhere.
        Returns:
            (n, 8) mouths, where the net has such; (n, rows, 1024) an encoder's features; else the windows.
        Raises:
            AvatarError: code inference-failed.
        """
        if self._encoder is not None and len(heard):
            return self._encoder.windows(heard, times_s, prod(self._window) // N_FEATURES)
        if self._sound_half is None or not len(heard):
            return heard
        if self._listener is not None and heard.ndim == 2:
            return self._listener.mouths(heard, times_s)
        try:
            (mouths,) = self._sound_half.run(None, {self._sound: np.ascontiguousarray(heard[:, None], np.float32)})
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
        frames = np.asarray(indices, np.int64) % self.n_frames
        if not self.cuda:
            self._kept.prepare(frames)
        rows = drive.reshape(batch, *row)
        feeds: dict[str, Any] = {
            self._drive: ort.OrtValue.ortvalue_from_numpy(np.ascontiguousarray(rows, np.float32)),
            graph.INDEX: ort.OrtValue.ortvalue_from_numpy(frames),
            **self._banks,
        }
        try:
            mouths, total = self._session.run([graph.MOUTH, graph.TOTAL], feeds)
            drawn: Bytes = np.asarray(mouths.numpy())
            finite = bool(np.isfinite(total.numpy()))
        except Exception as error:
            raise AvatarError("the face net failed", code="inference-failed", hint=BROKEN) from error
        if drawn.shape != (batch, *self._shape) or not finite:
            raise AvatarError("the face net gave no picture", code="inference-failed", hint=BROKEN)
        return drawn


def _other_half(model: Any, drive: str, banks: Sequence[graph.Bank], box: graph.Box) -> Any:
    try:
        return graph.other_half(model, drive, banks, box)
    except Exception as error:
        raise AvatarError("the face net cannot be divided", code="incompatible", hint="") from error


def face_input(crops: Bytes) -> Floats:
    """(B, S, S, 3) uint8 BGR as the net takes it: (B, 6, S, S), the lower half of the target pose blacked out."""
    reference = crops.transpose(0, 3, 1, 2).astype(np.float32) * np.float32(1 / 255)
    target = reference.copy()
    target[:, :, crops.shape[1] // 2 :] = 0
    return np.concatenate([target, reference], 1)


class _FrameBanks:
    """What the picture half makes of each frame, as far as there is room for it."""

    def __init__(self, net: FaceNet, model: Any, crop: Callable[[int], Bytes], n_frames: int, most_bytes: int) -> None:
        """Make room for them; the model is the net's graph, or what is needed of it."""
        self._crop = crop
        cut = graph.frontier(model, net.sound, net.face)
        faces = self._trial(net.size, n_frames)
        half = _PictureHalf(net, model, cut)
        trial = {name: graph.packed(values) for name, values in half.run(faces).items()}
        sizes = {name: values.nbytes // len(faces) for name, values in trial.items()}
        if cut != [net.face] and sum(sizes.values()) * n_frames > most_bytes:
            cut = graph.fitting(model, net.face, cut, sizes, most_bytes // n_frames)
            told = {"kept": len(cut), "of": len(sizes), "frames": n_frames, "whole": cut == [net.face]}
            logger.info("face net keeps less of the frames than it could, for want of face.cache_mib", extra=told)
            half = _PictureHalf(net, model, cut)
            trial = {name: graph.packed(values) for name, values in half.run(faces).items()}
        self._half = half
        self.banks = [
            graph.Bank(name, np.empty((n_frames, *values.shape[1:]), values.dtype)) for name, values in trial.items()
        ]
        """Rows that were not prepared hold nothing."""
        self._ready = np.zeros(n_frames, bool)

    def prepare(self, frames: NDArray[np.int64]) -> None:
        """See that the rows of these frames are there.

        Raises:
            AvatarError: code inference-failed.
        """
        missing = np.unique(frames[~self._ready[frames]])
        for at in range(0, len(missing), _AT_ONCE):
            some = missing[at : at + _AT_ONCE]
            made = self._half.run(np.stack([self._crop(int(frame)) for frame in some]))
            for bank in self.banks:
                bank.values[some] = graph.packed(made[bank.name], bank.values.dtype)
            self._ready[some] = True

    def values(self, device: str) -> dict[str, ort.OrtValue]:
        """The banks by the inputs that take them; on a CPU what is prepared later is seen in them, too."""
        return {bank.input: ort.OrtValue.ortvalue_from_numpy(bank.values, device, 0) for bank in self.banks}

    def prepare_next(self) -> bool:
        """The same for the first few that are not; False where all are."""
        missing = np.flatnonzero(~self._ready)[:_A_FEW]
        self.prepare(missing)
        return bool(len(missing))

    def _trial(self, size: int, n_frames: int) -> Bytes:
        """Faces that decide how a tensor is kept: some of the film's, and noise, which fits nothing by chance."""
        noise = np.random.default_rng(0).integers(0, 256, (size, size, 3), np.uint8)
        picked = np.linspace(0, n_frames - 1, min(n_frames, _AT_ONCE - 1)).astype(int)
        return np.stack([noise, *(self._crop(int(frame)) for frame in picked)])


class _PictureHalf:
    """The net from the faces to the tensors of a cut."""

    def __init__(self, net: FaceNet, model: Any, cut: list[str]) -> None:
        self._face, self._cut = net.face, cut
        self._made = [name for name in cut if name != net.face]
        self._session: Any = net.open(graph.picture_half(model, net.face, self._made)) if self._made else None
        self._at_once = _AT_ONCE if net.together else 1

    def run(self, crops: Bytes) -> dict[str, Floats]:
        """Tensor by name, a row for each of (n, S, S, 3) uint8 crops."""
        faces = face_input(crops)
        tensors = {self._face: faces} if self._face in self._cut else {}
        if self._session:
            parts = [self._run(faces[at : at + self._at_once]) for at in range(0, len(faces), self._at_once)]
            tensors |= dict(zip(self._made, map(np.concatenate, zip(*parts, strict=True)), strict=True))
        return tensors

    def _run(self, faces: Floats) -> list[Floats]:
        try:
            return list(self._session.run(self._made, {self._face: faces}))
        except Exception as error:
            raise AvatarError("the face net failed", code="inference-failed", hint=BROKEN) from error
