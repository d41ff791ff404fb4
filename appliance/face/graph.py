"""A face net's graph in, its parts out: what the picture alone decides, what reads the mouth off the sound, the rest.

The picture's part is run once for each frame of an avatar's loop; its results are kept, one bank a tensor, and the rest
takes them by frame number. Large ones are kept as float16, which changes a drawn level by one at most.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper, shape_inference
from onnx.utils import Extractor

Box = tuple[int, int, int, int]

INDEX, MOUTH, TOTAL = "loop.index", "loop.mouth", "loop.total"
_SCALE = np.float32(1 / 255)
_HALF_MAX = 16.0
"""Below it float16 is off by 1/256 at most; what lies beyond are places in the picture, and small."""


@dataclass(frozen=True, slots=True)
class Bank:
    """One tensor of the picture half for all frames of a loop."""

    name: str
    """The tensor's name in the net."""
    values: NDArray[Any]
    """(frames, ...) float16, uint8 for 255ths, or float32."""

    @property
    def input(self) -> str:
        """The input of the other half that takes it."""
        return f"loop.bank.{self.name}"


def trimmed(model: Any, box: Box) -> tuple[Any, Box]:
    """The net without the part of its picture above or below the box, where it joins such a part; and the box in it."""
    inferred = shape_inference.infer_shapes(model)
    graph = inferred.graph
    joined = next((node for node in graph.node if graph.output[0].name in node.output), None)
    rows = {item.name: item.type.tensor_type.shape.dim[2].dim_value for item in graph.value_info if _is_picture(item)}
    if joined is None or joined.op_type != "Concat" or helper.get_node_attr_value(joined, "axis") not in {2, -2}:
        return model, box
    x, y, width, height = box
    for name in joined.input:
        tall = rows.get(name, 0)
        if y >= 0 and y + height <= tall:
            return Extractor(inferred).extract_model([item.name for item in graph.input], [name]), (x, y, width, height)
        if not tall:
            break
        y -= tall
    return model, box


def _is_picture(kind: Any) -> bool:
    return len(kind.type.tensor_type.shape.dim) == 4


def frontier(model: Any, sound: str, face: str) -> list[str]:
    """The tensors that depend on the picture alone and that the rest needs: an encoder's last, and those skipped over.

    `[face]`, which cuts nothing off, where one of them is not a float32 tensor with one row a picture.
    """
    graph = shape_inference.infer_shapes(model).graph
    kinds = {item.name: item.type.tensor_type for item in (*graph.value_info, *graph.input)}
    needs: dict[str, frozenset[str]] = {sound: frozenset({sound}), face: frozenset({face})}
    cut: dict[str, None] = {}
    for node in graph.node:
        inputs = frozenset[str]().union(*(needs.get(name, frozenset()) for name in node.input))
        if sound in inputs:
            cut.update((name, None) for name in node.input if needs.get(name) == frozenset({face}))
        needs.update((name, inputs) for name in node.output)
    pictures = needs.get(graph.output[0].name) == frozenset({face})
    batch = _rows(kinds[face])
    if pictures or not cut or not batch or not all(name in kinds and _by_row(kinds[name], batch) for name in cut):
        return [face]
    return list(cut)


def fitting(model: Any, face: str, cut: Sequence[str], sizes: Mapping[str, int], most_bytes: int) -> list[str]:
    """A cut nearer to the face, where a row of the given one takes too much: the largest tensors are made again.

    Args:
        cut: what `frontier` gave.
        sizes: bytes of a row of each of them, as they are kept.
        most_bytes: what a row of all of them may take.
    Returns:
        The tensors to keep; `[face]` where there is no room for any.
    """
    graph = shape_inference.infer_shapes(model).graph
    kinds = {item.name: item.type.tensor_type for item in (*graph.value_info, *graph.input)}
    makers = {name: node for node in graph.node for name in node.output}
    batch = _rows(kinds[face])
    pictures = _made_from(graph, face)
    bytes_of = {name: _row_bytes(kinds[name]) for name in pictures if name in kinds and _by_row(kinds[name], batch)}
    bytes_of[face] //= 4  # a picture's values are kept as bytes
    bytes_of |= sizes
    kept = set(cut)
    while sum(bytes_of[name] for name in kept) > most_bytes:
        larger = max(kept - {face}, key=lambda name: bytes_of[name], default=face)
        if larger == face:
            return [face]
        kept.remove(larger)
        kept |= _made_of(larger, makers, bytes_of, face)
    return [name for name in (face, *makers) if name in kept]


def _made_from(graph: Any, tensor: str) -> set[str]:
    """A tensor and all that depend on it."""
    found = {tensor}
    for node in graph.node:
        if found.intersection(node.input):
            found.update(node.output)
    return found


def _made_of(name: str, makers: Mapping[str, Any], rows: Collection[str], face: str) -> set[str]:
    """The tensors with one row a picture that the maker of one takes; what is in between is made again with it."""
    found: set[str] = set()
    left = [name]
    while left:
        for taken in makers[left.pop()].input:
            if taken in rows:
                found.add(taken)
            elif taken in makers:
                left.append(taken)
    return found or {face}


def _rows(kind: Any) -> str | int:
    dims = list(kind.shape.dim)
    return (dims[0].dim_param or dims[0].dim_value) if dims else 0


def _by_row(kind: Any, batch: str | int) -> bool:
    return kind.elem_type == TensorProto.FLOAT and _rows(kind) == batch


def _row_bytes(kind: Any) -> int:
    return 4 * prod(dim.dim_value for dim in list(kind.shape.dim)[1:])


def picture_half(model: Any, face: str, cut: Sequence[str]) -> Any:
    """The net from its picture input to the cut."""
    return Extractor(shape_inference.infer_shapes(model)).extract_model([face], list(cut))


def sound_half(model: Any, sound: str, mouth: str) -> Any:
    """The net from its sound input to the mouth parameters."""
    return Extractor(shape_inference.infer_shapes(model)).extract_model([sound], [mouth])


def packed(values: NDArray[np.float32], kind: Any = None) -> NDArray[Any]:
    """Values as they are kept: in a quarter of the space where all are 255ths, as pieces of a picture are, else in half
    of it, where that is precise enough; or in the type that was told."""
    if kind is None:
        kind = _kind(values)
    return np.rint(values * 255).astype(np.uint8) if kind == np.uint8 else values.astype(kind, copy=False)


def _kind(values: NDArray[np.float32]) -> Any:
    within = values.size and values.min() >= 0 and values.max() <= 1
    if within and np.array_equal(unpacked(np.rint(values * 255).astype(np.uint8)), values):
        return np.uint8
    return np.float16 if np.abs(values).max(initial=0) < _HALF_MAX else np.float32


def unpacked(values: NDArray[Any]) -> NDArray[np.float32]:
    """Values that were packed, or nearly these."""
    return values * _SCALE if values.dtype == np.uint8 else values.astype(np.float32)


def other_half(model: Any, drive: str, banks: Sequence[Bank], box: Box) -> Any:
    """The net from the cut on: what drives the mouth and frame numbers in, (B, height, width, 3) uint8 of the box out.

    `drive` is the input or the tensor that the mouth is drawn from. The second output is the sum of the box: not finite
    where the picture is not.
    """
    picture = model.graph.output[0].name
    cut = [bank.name for bank in banks]
    half = Extractor(shape_inference.infer_shapes(model)).extract_model([drive, *cut], [picture])
    graph = half.graph
    kept = [item for item in graph.input if item.name == drive]
    del graph.input[:]
    graph.input.extend([*kept, helper.make_tensor_value_info(INDEX, TensorProto.INT64, ["batch"])])
    before: list[Any] = []
    for bank in banks:
        kind = helper.np_dtype_to_tensor_dtype(bank.values.dtype)
        graph.input.append(helper.make_tensor_value_info(bank.input, kind, bank.values.shape))
        before += _taken(bank, kind)
    nodes = [*before, *graph.node, *_quantised(picture, box)]
    del graph.node[:]
    graph.node.extend(nodes)
    graph.initializer.extend(_constants(box))
    del graph.output[:]
    graph.output.append(helper.make_tensor_value_info(MOUTH, TensorProto.UINT8, ["batch", box[3], box[2], 3]))
    graph.output.append(helper.make_tensor_value_info(TOTAL, TensorProto.FLOAT, []))
    onnx.checker.check_model(half)
    return half


def _taken(bank: Bank, kind: int) -> list[Any]:
    """Nodes that take the frames' rows out of a bank, under the name that the net knows them by."""
    if kind == TensorProto.FLOAT:
        return [helper.make_node("Gather", [bank.input, INDEX], [bank.name], axis=0)]
    kept, floats = f"{bank.input}.kept", f"{bank.input}.floats"
    taken = helper.make_node("Gather", [bank.input, INDEX], [kept], axis=0)
    if kind == TensorProto.FLOAT16:
        return [taken, helper.make_node("Cast", [kept], [bank.name], to=TensorProto.FLOAT)]
    return [
        taken,
        helper.make_node("Cast", [kept], [floats], to=TensorProto.FLOAT),
        helper.make_node("Mul", [floats, "loop.scale"], [bank.name]),
    ]


def _quantised(picture: str, box: Box) -> list[Any]:
    """Nodes that cut the box out and round it to bytes, as `clip(picture * 255 + 0.5, 0, 255)` does."""
    return [
        helper.make_node("Slice", [picture, "loop.from", "loop.to", "loop.axes"], ["loop.box"]),
        helper.make_node("ReduceSum", ["loop.box"], [TOTAL], keepdims=0),
        helper.make_node("Mul", ["loop.box", "loop.255"], ["loop.scaled"]),
        helper.make_node("Add", ["loop.scaled", "loop.half"], ["loop.raised"]),
        helper.make_node("Clip", ["loop.raised", "loop.0", "loop.255"], ["loop.clipped"]),
        helper.make_node("Cast", ["loop.clipped"], ["loop.bytes"], to=TensorProto.UINT8),
        helper.make_node("Transpose", ["loop.bytes"], [MOUTH], perm=[0, 2, 3, 1]),
    ]


def _constants(box: Box) -> list[Any]:
    x, y, width, height = box
    values: dict[str, Any] = {
        "loop.from": np.array([y, x]),
        "loop.to": np.array([y + height, x + width]),
        "loop.axes": np.array([2, 3]),
        "loop.255": np.array(255, np.float32),
        "loop.0": np.array(0, np.float32),
        "loop.half": np.array(0.5, np.float32),
        "loop.scale": np.array(_SCALE, np.float32),
    }
    return [numpy_helper.from_array(value, name) for name, value in values.items()]
