"""A net is opened only if it keeps the contract, and says what is wrong otherwise."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from appliance.errors import AvatarError
from appliance.face.net import FaceNet
from tests.models import generate

NET = generate.HERE / "grey_mouth.onnx"


def test_the_net_draws_below_the_middle_only() -> None:
    net = FaceNet(NET, threads=1)
    face = np.random.default_rng(0).random((3, 6, 64, 64), np.float32)
    mel = np.stack([np.full((1, 80, 16), level, np.float32) for level in (-4, 0, 4)])

    picture = net.render(mel, face)

    assert (net.size, net.window_offset_s) == (64, -0.08)
    assert np.array_equal(picture[:, :, :32], face[:, :3, :32])
    assert np.allclose(picture[0, :, 32:], face[0, 3:, 32:])
    assert np.allclose(picture[2, :, 32:], 0.5)


def test_a_net_that_says_nothing_has_wav2lips_window(tmp_path: Path) -> None:
    net = FaceNet(generate.grey_mouth(tmp_path / "wav2lip.onnx", size=96))
    assert (net.size, net.window_offset_s, net.metadata) == (96, 0.0, {})


@pytest.mark.parametrize("offset", ["soon", "nan", "7"])
def test_an_offset_that_cannot_be_is_refused(tmp_path: Path, offset: str) -> None:
    path = generate.grey_mouth(tmp_path / "net.onnx", metadata={"window_offset_s": offset})
    with pytest.raises(AvatarError, match="window_offset_s"):
        FaceNet(path)


@pytest.mark.parametrize(
    ("mel", "face"),
    [((1, 80, 16), (1, 6, 64, 64)), ((1, 1, 80, 16), (1, 6, 96, 96)), ((2, 1, 80, 16), (1, 6, 64, 64))],
)
def test_wrong_shapes_are_refused(mel: tuple[int, ...], face: tuple[int, ...]) -> None:
    with pytest.raises(AvatarError) as caught:
        FaceNet(NET).render(np.zeros(mel, np.float32), np.zeros(face, np.float32))
    assert caught.value.code == "avatar-input"


def test_values_that_are_not_finite_are_refused() -> None:
    mel, face = np.zeros((1, 1, 80, 16), np.float32), np.zeros((1, 6, 64, 64), np.float32)
    mel[0, 0, 3, 3] = np.nan
    with pytest.raises(AvatarError) as caught:
        FaceNet(NET).render(mel, face)
    assert caught.value.code == "avatar-input"


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(AvatarError, match=r"gone\.onnx") as caught:
        FaceNet(tmp_path / "gone.onnx")
    assert caught.value.code == "not-found"


@pytest.mark.parametrize("keep", [0, 100, 800])
def test_a_truncated_file_is_refused(tmp_path: Path, keep: int) -> None:
    path = tmp_path / "cut.onnx"
    path.write_bytes(NET.read_bytes()[:keep])
    with pytest.raises(AvatarError) as caught:
        FaceNet(path)
    assert caught.value.code == "incompatible"


def test_weights_kept_elsewhere_are_refused(tmp_path: Path) -> None:
    model = onnx.load(NET)
    onnx.save_model(model, tmp_path / "net.onnx", save_as_external_data=True, size_threshold=0, location="weights.bin")
    with pytest.raises(AvatarError, match="other files"):
        FaceNet(tmp_path / "net.onnx")


def test_a_net_with_other_inputs_is_refused(tmp_path: Path) -> None:
    x = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1, 3])
    y = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1, 3])
    graph = onnx.helper.make_graph([onnx.helper.make_node("Relu", ["x"], ["y"])], "other", [x], [y])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, tmp_path / "other.onnx")
    with pytest.raises(AvatarError, match="does not take"):
        FaceNet(tmp_path / "other.onnx")
