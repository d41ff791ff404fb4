"""What cannot be a net is refused with one sentence, a code and a hint, before any of it is run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from appliance.errors import AvatarError
from appliance.face import onnx_file
from tests.models import generate

NET = generate.HERE / "grey_mouth.onnx"


def changed(path: Path, change: Callable[[onnx.ModelProto], object]) -> Path:
    model = onnx.load(NET)
    change(model)
    onnx.save(model, path)
    return path


def older(model: onnx.ModelProto) -> None:
    model.opset_import[0].version = 9


def foreign(model: onnx.ModelProto) -> None:
    model.opset_import.append(helper.make_opsetid("lips.example", 1))
    model.graph.node[0].domain = "lips.example"
    model.graph.node[0].op_type = "FlowWarp"


def unheard_of(model: onnx.ModelProto) -> None:
    model.graph.node[0].op_type = "FlowWarp"


def huge(model: onnx.ModelProto) -> None:
    """A few bytes that ask for 4 TB."""
    model.graph.initializer.append(numpy_helper.from_array(np.array([2**20, 2**20]), "size"))
    model.graph.node.insert(0, helper.make_node("ConstantOfShape", ["size"], ["bomb"]))


def elsewhere(model: onnx.ModelProto) -> None:
    weight = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[4], data_location=TensorProto.EXTERNAL)
    weight.external_data.add(key="location", value="/etc/passwd")
    model.graph.initializer.append(weight)


def elsewhere_in_a_node(model: onnx.ModelProto) -> None:
    weight = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[4], data_location=TensorProto.EXTERNAL)
    weight.external_data.add(key="location", value="/etc/passwd")
    model.graph.node.insert(0, helper.make_node("Constant", [], ["c"], value=weight))


@pytest.mark.parametrize(
    ("change", "says", "code"),
    [
        (older, "opset 9", "incompatible"),
        (foreign, "lips.example.FlowWarp", "incompatible"),
        (unheard_of, "FlowWarp", "incompatible"),
        (huge, "more than 1 GiB", "too-large"),
        (elsewhere, "other files", "incompatible"),
        (elsewhere_in_a_node, "other files", "incompatible"),
    ],
)
def test_a_graph_that_cannot_be_run_here_is_refused(
    tmp_path: Path, change: Callable[[onnx.ModelProto], None], says: str, code: str
) -> None:
    with pytest.raises(AvatarError, match=says) as caught:
        onnx_file.read(changed(tmp_path / "net.onnx", change))
    assert (caught.value.code, bool(caught.value.hint)) == (code, True)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 a zip", b"\x00" * 4096, NET.read_bytes()[:800]])
def test_what_is_no_onnx_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(content)
    with pytest.raises(AvatarError, match="not an ONNX model") as caught:
        onnx_file.read(path)
    assert caught.value.code == "incompatible"


def test_a_file_of_any_size_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    with path.open("wb") as sparse:
        sparse.truncate(onnx_file.FILE_LIMIT + 1)
    with pytest.raises(AvatarError) as caught:
        onnx_file.read(path)
    assert caught.value.code == "too-large"


def test_a_net_of_functions_is_read(tmp_path: Path) -> None:
    """Newer exporters write a net as functions of its own."""
    relu = helper.make_function(
        "own", "Half", ["x"], ["y"], [helper.make_node("Relu", ["x"], ["y"])], [helper.make_opsetid("", 17)]
    )
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 3]) for name in "xy")
    graph = helper.make_graph([helper.make_node("Half", ["x"], ["y"], domain="own")], "net", [x], [y])
    imports = [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)]
    onnx.save(
        helper.make_model(graph, functions=[relu], opset_imports=imports, ir_version=9), tmp_path / "functions.onnx"
    )
    model = onnx_file.read(tmp_path / "functions.onnx")
    assert [node.op_type for node in model.graph.node] == ["Relu"]
