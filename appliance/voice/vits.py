"""A Piper model at work: phoneme ids come in, samples go out in chunks, the same ones that the whole model would make.

Speech is made piece by piece of the frames (256 samples each) that the encoder decides on at once. A piece is computed
with as many frames beside it as the convolutions look at, so it comes out as if everything had been computed together.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
from piper.patch_voice_with_alignment import add_alignment_output

from appliance.voice.graph import Convolutional, Cut, cut

logger = logging.getLogger(__name__)

Samples = npt.NDArray[np.float32]
Columns = npt.NDArray[np.float32]
"""(1, channels, n) of one tensor."""

_COLUMNS_LEAST, _COLUMNS_LEAST_A_THREAD = 65, 80
"""ONNX Runtime adds up in another order where a thread has 64 columns or fewer of a convolution, and the last bit of
a float differs. So no piece is narrower, unless the whole clause is. Several threads share columns by sixteens."""
_FRAMES_FIRST = 16
"""Of the first chunk: 0.19 s of speech. Each one after it is twice as long, which takes half the time to make that the
one before is heard for."""
_FRAMES_MOST = 128
"""Of any chunk: 1.5 s of speech, made in 0.1 to 0.2 s, for which every other visitor's speech waits."""


@dataclass(frozen=True, slots=True)
class Utterance:
    """Speech that is being made."""

    frames: npt.NDArray[np.int64] | None
    """Frames of each phoneme id; None where the model does not tell."""
    chunks: Iterator[Samples]
    """(n,) float32 in [-1, 1], as loud as the model makes it."""


class Model(Protocol):
    """Phoneme ids in, speech out."""

    def speak(self, ids: Sequence[int], scales: Sequence[float]) -> Utterance:
        """
        Args:
            scales: noise, length (above 1 is slower), noise of the lengths.
        """
        ...


def load(file: Path, threads: int) -> Model:
    """The model of `file`, in parts if its graph is known, else whole."""
    model = onnx.load(str(file))
    parts = cut(model)
    if parts is not None:
        return SplitModel(parts, threads)
    logger.info("the voice's graph is not known: it is run whole, and its first sound comes later")
    return WholeModel(model, threads)


class WholeModel:
    """Any model of Piper's: a clause is one chunk."""

    def __init__(self, model: onnx.ModelProto, threads: int) -> None:
        try:
            add_alignment_output(model)
        except ValueError:  # it has that output already, or its graph is none of Piper's usual ones
            logger.info("the voice is used as it is: phoneme times may be missing")
        self._session = _session(model, threads)
        self._names = [given.name for given in self._session.get_inputs()]

    def speak(self, ids: Sequence[int], scales: Sequence[float]) -> Utterance:
        made = cast("list[Any]", self._session.run(None, _feed(self._names, ids, scales)))
        frames = _flat(made[1]).astype(np.int64) if len(made) > 1 else None
        return Utterance(frames, iter([_flat(made[0])]))


class SplitModel:
    """A model in parts: first sound as soon as the encoder is done, however long the clause is."""

    def __init__(self, parts: Cut, threads: int) -> None:
        self._encoder = _session(parts.encoder, threads)
        self._names = [given.name for given in self._encoder.get_inputs()]
        self._flow = _Stage(parts.flow, threads)
        self._decoder = [_Stage(part, threads) for part in parts.decoder]
        self._whole = False

    def speak(self, ids: Sequence[int], scales: Sequence[float]) -> Utterance:
        made = cast("list[Any]", self._encoder.run(None, _feed(self._names, ids, scales)))
        return Utterance(_flat(made[2]).astype(np.int64), self._chunks(made[0], made[1]))

    @property
    def chunked(self) -> bool:
        """Whether a clause comes in chunks; not after a `check` that found them to differ."""
        return not self._whole

    def check(self, ids: Sequence[int], scales: Sequence[float]) -> Samples:
        """Say one clause in chunks and whole. Where they differ, no clause is made in chunks any more."""
        prior, mask, _ = cast("list[Any]", self._encoder.run(None, _feed(self._names, ids, scales)))
        chunked = np.concatenate(list(self._chunks(prior, mask)))
        self._whole = True
        (whole,) = self._chunks(prior, mask)
        self._whole = not np.array_equal(chunked, whole)
        if self._whole:
            logger.warning("the voice's chunks are not what it says whole: its first sound comes later")
        return whole

    def _chunks(self, prior: Columns, mask: Columns) -> Iterator[Samples]:
        n_frames = prior.shape[-1]
        made = _Progress(self._flow, n_frames, lambda _: (prior, mask))
        for stage in self._decoder:
            made = _Progress(stage, made.n_columns * made.hop, made.until)
        scale = made.n_columns // n_frames
        for start, end in [(0, n_frames)] if self._whole else _plan(n_frames):
            yield made.make(start * scale, end * scale).reshape(-1)


class _Stage:
    """One convolutional part, ready to run."""

    def __init__(self, part: Convolutional, threads: int) -> None:
        self._session = _session(part.model, threads)
        self._names = part.inputs
        self.margin = part.margin
        self.hop = part.hop
        self.least = _COLUMNS_LEAST if threads == 1 else _COLUMNS_LEAST_A_THREAD * threads

    def run(self, inputs: Sequence[Columns]) -> Columns:
        return cast("list[Columns]", self._session.run(None, dict(zip(self._names, inputs, strict=True))))[0]


class _Progress:
    """How far one stage has come with one clause."""

    def __init__(self, stage: _Stage, n_columns: int, source: Callable[[int], tuple[Columns, ...]]) -> None:
        """
        Args:
            n_columns: of its input.
            source: its inputs, valid up to the given column.
        """
        self._stage = stage
        self.n_columns = n_columns
        self.hop = stage.hop
        self._source = source
        self._made: Columns | None = None
        self._n_made = 0

    def until(self, end: int) -> tuple[Columns]:
        """What it makes, up to its column `end`; behind that the array is not filled."""
        hop, end = self.hop, -(-end // self.hop)
        if end > self._n_made:
            new = self.make(self._n_made, end)
            if self._made is None:
                self._made = np.empty((*new.shape[:-1], self.n_columns * hop), np.float32)
            self._made[..., self._n_made * hop : end * hop] = new
            self._n_made = end
        assert self._made is not None
        return (self._made,)

    def make(self, start: int, end: int) -> Columns:
        """What it makes of its input's columns from `start` to `end`."""
        stage, total = self._stage, self.n_columns
        left, right = max(0, start - stage.margin), min(total, end + stage.margin)
        if total <= stage.least:
            left, right = 0, total
        left = max(0, min(left, right - stage.least))
        inputs = [array[..., left:right] for array in self._source(right)]
        missing = min(total, stage.least) - (right - left)
        if missing > 0:  # of what comes later, which what is asked for does not depend on
            inputs = [np.pad(array, [(0, 0)] * (array.ndim - 1) + [(0, missing)]) for array in inputs]
        return stage.run(inputs)[..., (start - left) * stage.hop : (end - left) * stage.hop]


def _plan(n_frames: int) -> list[tuple[int, int]]:
    """Where chunks start and end: a short one first; a rest of less than a short one belongs to the one before."""
    ends, size = [0], _FRAMES_FIRST
    while ends[-1] + size < n_frames - _FRAMES_FIRST:
        ends.append(ends[-1] + size)
        size = min(2 * size, _FRAMES_MOST)
    return list(itertools.pairwise([*ends, n_frames]))


def _feed(names: Sequence[str], ids: Sequence[int], scales: Sequence[float]) -> dict[str, npt.NDArray[Any]]:
    """What the model takes; a voice of several speakers speaks as its first."""
    given = {
        "input": np.array([ids], np.int64),
        "input_lengths": np.array([len(ids)], np.int64),
        "scales": np.array(scales, np.float32),
        "sid": np.array([0], np.int64),
    }
    return {name: given[name] for name in names}


def _flat(array: npt.NDArray[Any]) -> Samples:
    return np.asarray(array, np.float32).reshape(-1)


def _session(model: onnx.ModelProto, threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
