"""A net's inputs are known by their shapes, whatever they are called."""

from __future__ import annotations

import pytest
from onnx import TensorProto, helper

from appliance.errors import AvatarError
from appliance.face.signature import Signature, signature

Shape = list[int | str | None]


def model(*shapes: Shape, kind: int = TensorProto.FLOAT) -> object:
    inputs = [helper.make_tensor_value_info(f"in{n}", kind, shape) for n, shape in enumerate(shapes)]
    return helper.make_model(helper.make_graph([], "net", inputs, []))


@pytest.mark.parametrize("batch", [1, "batch", None, "unk__12"])
@pytest.mark.parametrize("size", [96, 192, 256, 288, 384])
def test_wav2lip_of_any_size(batch: int | str | None, size: int) -> None:
    face, mel = [batch, 6, size, size], [batch, 1, 80, 16]
    assert signature(model(mel, face), "x") == Signature("in0", (1, 80, 16), "in1", size)
    assert signature(model(face, mel), "x") == Signature("in1", (1, 80, 16), "in0", size)


@pytest.mark.parametrize("window", [(16, 32, 32), (32, 16, 32), (32, 32, 32)])
def test_ultralight_with_hubert(window: tuple[int, int, int]) -> None:
    found = signature(model([1, 6, 160, 160], [1, *window]), "x")
    assert (found.window, found.size, found.hears_features) == (window, 160, True)


@pytest.mark.parametrize("window", [(128, 16, 32), (256, 16, 32)])
def test_ultralight_with_wenet_is_told(window: tuple[int, int, int]) -> None:
    with pytest.raises(AvatarError, match="WeNet") as caught:
        signature(model([1, 6, 160, 160], [1, *window]), "net.onnx")
    assert caught.value.code == "incompatible"


@pytest.mark.parametrize(
    "shapes",
    [
        [],
        [[1, 1, 80, 16]],
        [[1, 1, 80, 16], [1, 3, 96, 96]],
        [[1, 1, 80, 27], [1, 6, 96, 96]],
        [[1, 80, 16], [1, 6, 96, 96]],
        [[1, 1, 80, 16], [1, 96, 96, 6]],
        [[1, 1, 80, 16], [1, 6, 96, 128]],
        [[1, 1, 80, 16], [1, 6, "height", "width"]],
        [[1, 1, 80, 16], [1, 6, 97, 97]],
        [[1, 1, 80, 16], [1, 6, 4096, 4096]],
        [[1, 5, 1, 80, 16], [1, 6, 5, 96, 96]],
        [[1, 1, 80, 16], [1, 6, 96, 96], [1]],
        [[1, 1, 80, 16], [1, 1, 80, 16], [1, 6, 96, 96]],
    ],
)
def test_anything_else_is_refused(shapes: list[Shape]) -> None:
    with pytest.raises(AvatarError, match=r"net\.onnx does not take") as caught:
        signature(model(*shapes), "net.onnx")
    assert caught.value.code == "incompatible"


def test_half_precision_is_refused() -> None:
    with pytest.raises(AvatarError, match="float32"):
        signature(model([1, 1, 80, 16], [1, 6, 96, 96], kind=TensorProto.FLOAT16), "x")
