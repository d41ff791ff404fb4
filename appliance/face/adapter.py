"""A face net's graph and what is known of it in, a graph with our contract out: BGR in [0, 1], whole faces.

Nodes are put before and behind the net, and nothing inside it is changed. What they make of the face alone is kept with
the rest of the picture half (`graph.py`), so that a net of another kind costs nothing more a frame.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from appliance.face.signature import Signature

Floats = NDArray[np.float32]
Range = Literal["0..1", "0..255", "-1..1"]
Colours = Literal["bgr", "rgb"]

FACE, PICTURE = "adapter.face", "adapter.picture"

_SCALES: dict[str, tuple[float, float]] = {"0..1": (1.0, 0.0), "0..255": (255.0, 0.0), "-1..1": (2.0, -1.0)}
"""What values in [0, 1] are multiplied with, and what is added to them."""
_COVERED = (slice(5, 150), slice(5, 155))
"""Rows and columns of 160 that Ultralight Digital Human blacks out."""


@dataclass(frozen=True, slots=True)
class Adapter:
    """How a net differs from our contract."""

    kind: Literal["wav2lip", "ultralight"] = "wav2lip"
    """wav2lip: the target pose, its lower half blacked out, before the reference; ultralight: the reference before the
    same with a rectangle blacked out, inside a rim that is not given."""
    reads: Range = "0..1"
    """Values of the faces that it takes."""
    draws: Range = "0..1"
    """Values of the pictures that it gives."""
    colours: Colours = "bgr"
    """Their order, in both."""
    region: Literal["face", "lower-half"] = "face"
    """What it gives a picture of."""
    together: bool = True
    """Whether it draws several pictures in one run."""

    def __post_init__(self) -> None:
        if not {self.reads, self.draws} <= set(_SCALES):
            raise ValueError(f"values in {self.reads} and {self.draws}")

    @property
    def rim(self) -> float:
        """The share of the face's box, on each side, that lies outside of the net's picture."""
        return 4 / 168 if self.kind == "ultralight" else 0.0


def adapt(model: Any, given: Signature, adapter: Adapter) -> Signature:
    """Put nodes around a net, in place; returns how it is called then.

    The face goes in as (B, 6, S, S) in [0, 1], BGR: the target pose with its lower half blacked out, then the
    reference. The picture comes out as (B, 3, S, S), nominally in [0, 1], BGR.
    Source: Rudrabha/Wav2Lip inference.py; anliyuan/Ultralight-Digital-Human inference.py.
    """
    _set_batch(model, given, "batch" if adapter.together else 1)
    graph = model.graph
    picture = graph.output[0].name
    face = next(item for item in graph.input if item.name == given.face)
    scale, shift = _SCALES[adapter.reads]
    before = _Line(graph, FACE)
    if adapter.kind == "ultralight":
        before.then("Slice", _ints(3), _ints(6), _ints(1))
        reference = before.tensor
        before.then("Mul", _covering(given.size))
        before.join(reference, axis=1)
    if adapter.colours == "rgb":
        before.then("Gather", np.array([2, 1, 0, 5, 4, 3]), axis=1)
    before.scale(scale, shift)
    before.end(given.face)
    scale, shift = _SCALES[adapter.draws]
    after = _Line(graph, picture)
    after.scale(1 / scale, -shift / scale)
    if adapter.colours == "rgb":
        after.then("Gather", np.array([2, 1, 0]), axis=1)
    upper = _Line(graph, FACE)
    if adapter.region == "lower-half":
        upper.then("Slice", np.array([3, 0]), np.array([6, given.size // 2]), np.array([1, 2]))
        after.join(upper.tensor, axis=2)
    after.end(PICTURE)
    nodes = [*before.nodes, *graph.node, *upper.nodes, *after.nodes]
    del graph.node[:]
    graph.node.extend(nodes)
    face.name = FACE
    del graph.output[:]
    shape = [_batch(face), 3, given.size, given.size]
    graph.output.append(helper.make_tensor_value_info(PICTURE, TensorProto.FLOAT, shape))
    return Signature(given.sound, given.window, FACE, given.size)


def _batch(item: Any) -> str | int:
    """The first size of an input: a name where any number does."""
    dim = item.type.tensor_type.shape.dim[0]
    return dim.dim_param or dim.dim_value


def _set_batch(model: Any, given: Signature, batch: str | int) -> None:
    """Say how many pictures are drawn at once; shapes that an exporter noted for another number are forgotten."""
    graph = model.graph
    del graph.value_info[:]
    for item in graph.input:
        if item.name in (given.sound, given.face):
            shape = item.type.tensor_type.shape
            shape.dim[0].CopyFrom(
                shape.Dimension(dim_param=batch) if isinstance(batch, str) else shape.Dimension(dim_value=batch)
            )


class _Line:
    """Nodes one behind the other, from a tensor on."""

    def __init__(self, graph: Any, tensor: str) -> None:
        self.nodes: list[Any] = []
        self.tensor = tensor
        """The last one's."""
        self._graph = graph
        self._first = tensor

    def then(self, operator: str, *constants: NDArray[Any], **attributes: Any) -> None:
        """One more, with constants as its further inputs."""
        names: list[str] = []
        for constant in constants:
            names.append(f"adapter.constant.{len(self._graph.initializer)}")
            self._graph.initializer.append(numpy_helper.from_array(constant, names[-1]))
        self._add(operator, [self.tensor, *names], **attributes)

    def join(self, tensor: str, *, axis: int) -> None:
        """Put another tensor before this one."""
        self._add("Concat", [tensor, self.tensor], axis=axis)

    def scale(self, factor: float, summand: float) -> None:
        if factor != 1:
            self.then("Mul", np.array(factor, np.float32))
        if summand != 0:
            self.then("Add", np.array(summand, np.float32))

    def end(self, name: str) -> None:
        """Call the last tensor so."""
        self.nodes.append(helper.make_node("Identity", [self.tensor], [name]))
        self.tensor = name

    def _add(self, operator: str, inputs: list[str], **attributes: Any) -> None:
        output = f"adapter.{self._first}.{len(self.nodes)}.{operator}"
        self.nodes.append(helper.make_node(operator, inputs, [output], **attributes))
        self.tensor = output


def _ints(value: int) -> NDArray[np.int64]:
    return np.array([value], np.int64)


def _covering(size: int) -> Floats:
    """1 where the face stays and 0 where it is blacked out: (1, 1, size, size)."""
    covering = np.ones((1, 1, size, size), np.float32)
    rows, columns = (slice(round(at.start * size / 160), round(at.stop * size / 160)) for at in _COVERED)
    covering[:, :, rows, columns] = 0
    return covering
