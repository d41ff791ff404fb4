"""A graph with a warp, run in two parts: what it draws, and which graphs are left whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper

from appliance.face import warp
from appliance.face.onnx_file import BoundSession, session

PLAIN = {"mode": "linear", "padding_mode": "border", "align_corners": 0}


def graph(channels: int | None = 3, warps: int = 1, **attributes: Any) -> Any:
    """Warps a picture doubled in brightness, adds the grid's halves to it, and scales it by a third input."""
    nodes = [
        helper.make_node("Add", ["picture", "picture"], ["bright"]),
        helper.make_node("Mul", ["grid", "half"], ["small"]),
        *(
            helper.make_node("GridSample", ["bright", "small"], [f"warped{number}"], **(PLAIN | attributes))
            for number in range(warps)
        ),
        helper.make_node("ReduceMean", ["small", "axes"], ["mean"], keepdims=1),
        helper.make_node("Add", ["warped0", "mean"], ["raised"]),
        helper.make_node("Mul", ["raised", "factor"], ["out"]),
    ]
    if warps > 1:
        nodes.insert(-1, helper.make_node("Add", ["raised", "warped1"], ["unused"]))
    floats = TensorProto.FLOAT
    made = helper.make_graph(
        nodes,
        "warping",
        [
            helper.make_tensor_value_info("picture", floats, ["batch", channels, 9, 12]),
            helper.make_tensor_value_info("grid", floats, ["batch", 7, 10, 2]),
            helper.make_tensor_value_info("factor", floats, []),
        ],
        [helper.make_tensor_value_info("out", floats, ["batch", channels, 7, 10])],
        [
            numpy_helper.from_array(np.array(0.5, np.float32), "half"),
            numpy_helper.from_array(np.array([1, 2, 3]), "axes"),
        ],
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
    onnx.checker.check_model(model)
    return model


def spread(mode: str = "linear", **attributes: Any) -> Any:
    """The same, where every second pixel's move is told: the grid is what is spread of it, added to constant places."""
    model = graph()
    places = np.random.default_rng(3).uniform(-1, 1, (1, 8, 10, 2)).astype(np.float32)
    nodes = [
        helper.make_node("Resize", ["moves", "", "scales"], ["all"], **({"mode": mode} | attributes)),
        helper.make_node("Transpose", ["all"], ["turned"], perm=[0, 2, 3, 1]),
        helper.make_node("Add", ["places", "turned"], ["grid"]),
    ]
    kept = [node for node in model.graph.node if node.op_type != "Mul" or node.output[0] != "small"]
    for node in kept:
        node.input[:] = ["grid" if name == "small" else name for name in node.input]
    del model.graph.node[:], model.graph.input[1]
    model.graph.node.extend([*nodes, *kept])
    model.graph.input.append(helper.make_tensor_value_info("moves", TensorProto.FLOAT, ["batch", 2, 4, 5]))
    model.graph.initializer.extend(
        [numpy_helper.from_array(places, "places"), numpy_helper.from_array(np.float32([1, 1, 2, 2]), "scales")]
    )
    model.graph.output[0].type.tensor_type.shape.dim[2].dim_value = 8
    onnx.checker.check_model(model)
    return model


def opened(model: Any) -> ort.InferenceSession:
    return session(model.SerializeToString(), "test", threads=1)


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("channels", [1, 3, 6])
def test_both_parts_draw_what_the_whole_draws(batch: int, channels: int) -> None:
    pick = np.random.default_rng(batch)
    feeds = {
        "picture": pick.uniform(0, 1, (batch, channels, 9, 12)).astype(np.float32),
        "grid": pick.uniform(-3, 3, (batch, 7, 10, 2)).astype(np.float32),  # half of them beyond the borders
        "factor": np.array(0.7, np.float32),
    }
    model = graph(channels)
    (wanted,) = opened(model).run(None, feeds)
    divided = warp.session(model, opened)
    assert isinstance(divided, warp.WarpedSession)
    values = {name: ort.OrtValue.ortvalue_from_numpy(value) for name, value in feeds.items()}
    (made,) = divided.run(["out"], values)
    np.testing.assert_allclose(np.asarray(made.numpy()), np.asarray(wanted), atol=1e-5)


@pytest.mark.parametrize(
    ("model", "left"),
    [
        (spread(), True),
        (spread(coordinate_transformation_mode="align_corners"), False),
        (spread("cubic"), False),
    ],
    ids=["spread", "corners", "cubic"],
)
def test_what_moves_every_second_pixel_is_spread_by_opencv_if_it_does_so_alike(model: Any, left: bool) -> None:
    pick = np.random.default_rng(4)
    feeds = {
        "picture": pick.uniform(0, 1, (2, 3, 9, 12)).astype(np.float32),
        "moves": pick.uniform(-0.5, 0.5, (2, 2, 4, 5)).astype(np.float32),
        "factor": np.array(0.7, np.float32),
    }
    (wanted,) = opened(model).run(None, feeds)
    values = {name: ort.OrtValue.ortvalue_from_numpy(value) for name, value in feeds.items()}
    (made,) = warp.session(model, opened).run(["out"], values)
    np.testing.assert_allclose(np.asarray(made.numpy()), np.asarray(wanted), atol=1e-5)
    parts = warp.divided(model)
    assert parts is not None
    assert (parts.moves == "moves") is parts.spread is left


def test_the_shipped_net_is_divided() -> None:
    parts = warp.divided(onnx.load(Path(__file__).parents[2] / "models" / "face" / "talking-face.onnx"))
    assert parts is not None
    assert parts.spread


@pytest.mark.parametrize(
    "model",
    [
        graph(align_corners=1),
        graph(padding_mode="zeros"),
        graph(mode="cubic"),
        graph(channels=None),
        graph(warps=2),
    ],
    ids=["corners", "zeros", "cubic", "unknown", "two"],
)
def test_what_opencv_would_draw_otherwise_is_left_whole(model: Any) -> None:
    assert warp.divided(model) is None


def test_a_graph_without_a_warp_is_left_whole() -> None:
    model = graph()
    del model.graph.node[2:]
    model.graph.node.append(helper.make_node("Mul", ["bright", "factor"], ["out"]))
    assert warp.divided(model) is None
    assert isinstance(warp.session(model, opened), BoundSession)


def test_a_warp_within_a_branch_is_left_whole() -> None:
    model = graph()
    branch = helper.make_graph(
        [helper.make_node("Identity", ["bright"], ["chosen"])],
        "branch",
        [],
        [helper.make_tensor_value_info("chosen", TensorProto.FLOAT, None)],
    )
    model.graph.initializer.append(numpy_helper.from_array(np.array(True), "yes"))
    model.graph.node.append(helper.make_node("If", ["yes"], ["either"], then_branch=branch, else_branch=branch))
    assert warp.divided(model) is None


def test_a_graph_that_gives_what_it_warped_is_left_whole() -> None:
    model = graph()
    model.graph.output.append(helper.make_tensor_value_info("warped0", TensorProto.FLOAT, ["batch", 3, 7, 10]))
    assert warp.divided(model) is None


def test_a_graph_that_gives_what_it_made_before_the_warp_is_left_whole() -> None:
    model = graph()
    model.graph.output.append(helper.make_tensor_value_info("small", TensorProto.FLOAT, ["batch", 7, 10, 2]))
    assert warp.divided(model) is None
