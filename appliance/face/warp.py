"""A graph that warps a picture in, the same graph run in two parts out, with OpenCV's warp between them.

ONNX Runtime's GridSample takes 2 ms for 160 x 96 pixels on one thread, a sixth of all that a mouth costs; OpenCV's
`remap` takes 0.15 ms and gives the same to a thousandth of a level. Where pixels are moved by what was found for every
second one, OpenCV spreads that, too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from onnx import helper, numpy_helper, shape_inference
from onnx.utils import Extractor

from appliance.face.onnx_file import BoundSession

Floats = NDArray[np.float32]

_SIDE_MAX = 2**15
"""OpenCV's bound."""


@dataclass(frozen=True, slots=True)
class Parts:
    """A graph divided at its warp."""

    before: Any
    """What it warps, `source`, and by what, `moves`."""
    after: Any
    """Takes `warped` and gives what the whole graph gives."""
    source: str
    """The picture, (B, C, H, W)."""
    moves: str
    """How far from its place in `still` each pixel is taken, x and y in halves of the picture, (B, h, w, 2)."""
    spread: bool
    """Whether moves are (B, 2, rows, columns) instead, to be spread over the picture."""
    warped: str
    """The warped picture, (B, C, h, w)."""
    between: list[str]
    """What the first part is asked for: source, moves, and what else the second one needs."""
    still: Floats
    """(2, h, w), x and y in pixels."""


class WarpedSession:
    """Runs a graph with one warp, as `BoundSession` does one without."""

    cuda = False

    def __init__(self, parts: Parts, before: BoundSession, after: BoundSession) -> None:
        """Take both parts ready to run."""
        self._parts, self._before, self._after = parts, before, after

    def run(self, names: Sequence[str], feeds: Mapping[str, ort.OrtValue]) -> list[ort.OrtValue]:
        """Give the named outputs of inputs by name, among which may be others."""
        parts = self._parts
        made = dict(zip(parts.between, self._before.run(parts.between, feeds), strict=True))
        moves: Floats = made[parts.moves].numpy()
        planes = moves if parts.spread else moves.transpose(0, 3, 1, 2)
        warped = _warped(made[parts.source].numpy(), planes, parts.still)
        made[parts.warped] = ort.OrtValue.ortvalue_from_numpy(warped)
        return self._after.run(names, {**feeds, **made})


def session(model: Any, opened: Callable[[Any], ort.InferenceSession]) -> BoundSession | WarpedSession:
    """Make a graph ready to run, in two parts where that is quicker; on a GPU as it is.

    Args:
        opened: makes a graph or a part of it ready to run.
    """
    parts = divided(model)
    before = BoundSession(opened(parts.before)) if parts else None
    if not parts or not before or before.cuda:
        return BoundSession(opened(model))
    return WarpedSession(parts, before, BoundSession(opened(parts.after)))


def divided(model: Any) -> Parts | None:
    """Divide a graph at its warp; None where it has none, or more, or another kind than OpenCV's."""
    inferred = shape_inference.infer_shapes(model)
    graph = inferred.graph
    warps = [node for node in graph.node if node.op_type == "GridSample"]
    sizes = {item.name: _sizes(item) for item in (*graph.value_info, *graph.input, *graph.output)}
    if len(warps) != 1 or not _suits(warps[0], sizes) or any(_has_graph(node) for node in graph.node):
        return None
    extract = Extractor(inferred).extract_model
    given, outputs = ([item.name for item in items] for items in (graph.input, graph.output))
    (source, grid), (warped,) = warps[0].input, warps[0].output
    made = {name for node in extract(given, [source, grid]).graph.node for name in node.output}
    later = [node for node in graph.node if node != warps[0] and node.output[0] not in made]
    kept = sorted(made & {name for node in later for name in node.input})
    if {warped, *made}.intersection(outputs) or not all(name in sizes for name in (warped, *kept)):
        return None
    moves, still = _moves(graph, warps[0], sizes)
    between = list(dict.fromkeys([source, moves, *kept]))
    before, after = extract(given, between), extract([*given, warped, *kept], outputs)
    return Parts(before, after, source, moves, moves != grid, warped, between, still)


def _moves(graph: Any, warp: Any, sizes: Mapping[str, Sequence[int]]) -> tuple[str, Floats]:
    """`Parts.moves` and `Parts.still`: of what the graph spreads over the picture and adds to constant places; else the
    whole grid, from the middle of the picture on."""
    (*_, height, width), (_, *to, _) = (sizes[name] for name in warp.input)
    moves, places = _spread(graph, warp.input[1]) or (warp.input[1], np.zeros(2, np.float32))
    half = np.array([width, height], np.float32)[:, None, None] / 2
    return moves, (np.broadcast_to(places, (1, *to, 2))[0].transpose(2, 0, 1) + 1) * half - np.float32(0.5)


def _spread(graph: Any, grid: str) -> tuple[str, Floats] | None:
    """What is spread over the picture, and the places that it is added to; None where a grid is made otherwise."""
    makers = {name: node for node in graph.node for name in node.output}
    values = {item.name: item for item in graph.initializer}
    values |= {name: _told(node).get("value") for name, node in makers.items() if node.op_type == "Constant"}
    added = makers.get(grid)
    taken = list(added.input) if added is not None and added.op_type == "Add" else []
    places = [numpy_helper.to_array(values[name]) for name in taken if values.get(name) is not None]
    turned = [makers[name] for name in taken if name in makers and makers[name].op_type == "Transpose"]
    resized = [makers[node.input[0]] for node in turned if node.input[0] in makers]
    if not places or not resized or resized[0].op_type != "Resize" or _told(turned[0]).get("perm") != [0, 2, 3, 1]:
        return None
    told = _told(resized[0])
    plain = told.get("coordinate_transformation_mode", b"half_pixel") == b"half_pixel" and not told.get("antialias", 0)
    return (resized[0].input[0], places[0]) if plain and told.get("mode") == b"linear" else None


def _suits(warp: Any, sizes: Mapping[str, Sequence[int]]) -> bool:
    """Whether it is bilinear, goes on at the borders, and its sizes are known."""
    told = _told(warp)
    plain = told.get("mode", b"linear") in {b"linear", b"bilinear"} and told.get("padding_mode") == b"border"
    if not plain or told.get("align_corners", 0) or not all(name in sizes for name in warp.input):
        return False
    source, grid = (sizes[name] for name in warp.input)
    return len(source) == len(grid) == 4 and all((*source[1:], *grid[1:])) and max(*source, *grid) < _SIDE_MAX


def _told(node: Any) -> dict[str, Any]:
    """A node's attributes."""
    return {item.name: helper.get_attribute_value(item) for item in node.attribute}


def _sizes(kind: Any) -> list[int]:
    """A tensor's, 0 where any is possible."""
    return [dim.dim_value for dim in kind.type.tensor_type.shape.dim]


def _has_graph(node: Any) -> bool:
    return any(item.type in {item.GRAPH, item.GRAPHS} for item in node.attribute)


def _warped(source: Floats, moves: Floats, still: Floats) -> Floats:
    """Warp (B, C, H, W) by (B, 2, rows, columns), spread over the (2, h, w) places that they start from."""
    _, height, width = still.shape
    half = np.array([source.shape[3], source.shape[2]], np.float32)[:, None, None] / 2
    made = np.empty((*source.shape[:2], height, width), np.float32)
    for picture, out, far in zip(source, made, moves * half, strict=True):
        x, y = (cv2.resize(one, (width, height)) + at for one, at in zip(far, still, strict=True))
        for plane, to in zip(picture, out, strict=True):  # a third quicker than all at once, turned and turned back
            cv2.remap(plane, x, y, cv2.INTER_LINEAR, dst=to, borderMode=cv2.BORDER_REPLICATE)
    return made
