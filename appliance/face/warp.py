"""A graph that warps a picture in, the same graph run in two parts out, with OpenCV's warp between them.

ONNX Runtime's GridSample takes 2 ms for 160 x 96 pixels on one thread, a sixth of all that a mouth costs; OpenCV's
`remap` takes 0.15 ms and gives the same to a thousandth of a level.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper, shape_inference

from appliance.face.onnx_file import CUDA

Floats = NDArray[np.float32]

_BETWEEN = _SOURCE, _PLACES, _WARPED = "warp.source", "warp.places", "warp.warped"
_CHANNELS_MAX = 4
_SIDE_MAX = 2**15
"""OpenCV's bounds."""


@dataclass(frozen=True, slots=True)
class Parts:
    """A graph divided at its warp."""

    before: Any
    """What it warps, (B, H, W, C); where each pixel is taken from, (B, 2, h, w), x and y in pixels; and `kept`."""
    after: Any
    """Takes the warped picture, (B, h, w, C), and `kept`, and gives what the whole graph gives."""
    kept: tuple[str, ...]
    """Other tensors of the first part that the second one needs."""


class WarpedSession:
    """Runs a graph with one warp; in the place of the runtime's own session of the whole."""

    def __init__(self, parts: Parts, opened: Callable[[Any], ort.InferenceSession]) -> None:
        """Open both parts.

        Args:
            opened: makes a graph ready to run.
        """
        self._before, self._after = opened(parts.before), opened(parts.after)
        self._kept = parts.kept
        self._needs = [{item.name for item in session.get_inputs()} for session in (self._before, self._after)]

    def get_providers(self) -> list[str]:
        """What runs it."""
        return list(self._before.get_providers())

    def run_with_ort_values(self, names: Sequence[str], feeds: Mapping[str, Any]) -> list[Any]:
        """Give the named outputs, as the runtime's session does."""
        given = {name: value for name, value in feeds.items() if name in self._needs[0]}
        source, places, *kept = self._before.run_with_ort_values([_SOURCE, _PLACES, *self._kept], given)
        warped = _warped(source.numpy(), places.numpy())
        given = {name: value for name, value in feeds.items() if name in self._needs[1]}
        given |= dict(zip(self._kept, kept, strict=True))
        given[_WARPED] = ort.OrtValue.ortvalue_from_numpy(warped)
        return list(self._after.run_with_ort_values(list(names), given))


def session(model: Any, opened: Callable[[Any], ort.InferenceSession]) -> Any:
    """Make a graph ready to run, in two parts where that is quicker; on a GPU as it is.

    Args:
        opened: makes a graph or a part of it ready to run.
    """
    parts = divided(model)
    made = WarpedSession(parts, opened) if parts else None
    return made if made and CUDA not in made.get_providers() else opened(model)


def divided(model: Any) -> Parts | None:
    """Divide a graph at its warp; None where it has none, or more, or another kind than OpenCV's."""
    inferred = shape_inference.infer_shapes(model)
    graph = inferred.graph
    warps = [node for node in graph.node if node.op_type == "GridSample"]
    kinds = {item.name: item for item in (*graph.value_info, *graph.input, *graph.output)}
    if len(warps) != 1 or not _suits(warps[0], kinds) or any(_has_graph(node) for node in graph.node):
        return None
    (warp,) = warps
    first = _makers(graph, warp.input, set())
    made = {name for node in first for name in node.output}
    outputs = [item.name for item in graph.output]
    second = _makers(graph, outputs, {warp.output[0], *made})
    kept = tuple(sorted(made & {name for node in second for name in node.input}))
    if made.intersection(outputs) or not all(name in kinds for name in kept):
        return None
    leading, following, constants = _ends(warp, kinds)
    graph.initializer.extend(constants)
    between = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None] * 4) for name in _BETWEEN]
    kinds |= {item.name: item for item in between}
    given = [item.name for item in graph.input]
    return Parts(
        _part(inferred, [*first, *leading], given, [_SOURCE, _PLACES, *kept], kinds),
        _part(inferred, [*following, *second], [*given, _WARPED, *kept], outputs, kinds),
        kept,
    )


def _ends(warp: Any, kinds: Mapping[str, Any]) -> tuple[list[Any], list[Any], list[Any]]:
    """Nodes that turn what it takes and gives into OpenCV's, and back, with their constants."""
    (*_, height, width), (_, *to, _) = (_sizes(kinds[name]) for name in warp.input)
    # As large as what they are applied to: the runtime takes 0.5 ms to spread two values.
    constants = [
        numpy_helper.from_array(np.stack([np.full(to, value / 2, np.float32) for value in values])[None], name)
        for name, values in (("warp.size", (width, height)), ("warp.middle", (width - 1, height - 1)))
    ]
    leading = [
        helper.make_node("Transpose", [warp.input[0]], [_SOURCE], perm=[0, 2, 3, 1]),
        helper.make_node("Transpose", [warp.input[1]], ["warp.planes"], perm=[0, 3, 1, 2]),
        helper.make_node("Mul", ["warp.planes", "warp.size"], ["warp.scaled"]),
        helper.make_node("Add", ["warp.scaled", "warp.middle"], [_PLACES]),
    ]
    return leading, [helper.make_node("Transpose", [_WARPED], [warp.output[0]], perm=[0, 3, 1, 2])], constants


def _suits(warp: Any, kinds: Mapping[str, Any]) -> bool:
    """Whether it is bilinear, goes on at the borders, and its sizes are known."""
    told = {item.name: helper.get_attribute_value(item) for item in warp.attribute}
    plain = told.get("mode", b"linear") in {b"linear", b"bilinear"} and told.get("padding_mode") == b"border"
    if not plain or told.get("align_corners", 0) or not all(name in kinds for name in warp.input):
        return False
    source, grid = (_sizes(kinds[name]) for name in warp.input)
    known = len(source) == len(grid) == 4 and all(source[1:]) and all(grid[1:])
    return known and source[1] <= _CHANNELS_MAX and max(*source, *grid) < _SIDE_MAX


def _sizes(kind: Any) -> list[int]:
    """A tensor's, 0 where any is possible."""
    return [dim.dim_value for dim in kind.type.tensor_type.shape.dim]


def _has_graph(node: Any) -> bool:
    return any(item.type in {item.GRAPH, item.GRAPHS} for item in node.attribute)


def _makers(graph: Any, tensors: Sequence[str], given: Collection[str]) -> list[Any]:
    """The nodes, in order, that make tensors of what is given."""
    needed = set(tensors) - set(given)
    found: list[Any] = []
    for node in reversed(graph.node):
        if needed.intersection(node.output):
            found.append(node)
            needed.update(set(node.input) - set(given))
    return found[::-1]


def _part(
    model: Any, nodes: Sequence[Any], inputs: Sequence[str], outputs: Sequence[str], kinds: Mapping[str, Any]
) -> Any:
    """Some of a model's nodes as one of its own, with the inputs that they take."""
    taken = {name for node in nodes for name in node.input}
    weights = [weight for weight in model.graph.initializer if weight.name in taken]
    given, made = [kinds[name] for name in inputs if name in taken], [kinds[name] for name in outputs]
    graph = helper.make_graph(nodes, "part", given, made, weights)
    part = helper.make_model(graph, opset_imports=model.opset_import, ir_version=model.ir_version)
    onnx.checker.check_model(part)
    return part


def _warped(source: Floats, places: Floats) -> Floats:
    parts = [
        cv2.remap(picture, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        for picture, (x, y) in zip(source, places, strict=True)
    ]
    return np.stack(parts).reshape(len(source), *places.shape[2:], source.shape[3])
