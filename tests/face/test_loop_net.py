"""The net bound to a loop draws what the net draws, whether or not there is room for what is kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from appliance.errors import AvatarError
from appliance.face import graph
from appliance.face.adapter import Adapter
from appliance.face.loop_net import LoopNet, face_input
from appliance.face.net import FaceNet
from appliance.face.onnx_file import chosen_providers
from tests.models import generate

NET = generate.HERE / "grey_mouth.onnx"
SIZE, FRAMES = 64, 11
BOX = (6, 30, 40, 20)
CROPS = np.random.default_rng(5).integers(0, 256, (FRAMES, SIZE, SIZE, 3), np.uint8)


def windows(count: int) -> np.ndarray:
    levels = np.linspace(-4, 4, count, dtype=np.float32)
    return np.broadcast_to(levels[:, None, None], (count, 80, 16)).copy()


def loop(net: FaceNet, crops: np.ndarray, box: graph.Box, *, cache_mib: int) -> LoopNet:
    return LoopNet(net, crops.__getitem__, len(crops), box, cache_mib=cache_mib)


def whole(net: FaceNet, mels: np.ndarray, indices: np.ndarray) -> np.ndarray:
    pictures = net.render(mels[:, None], face_input(CROPS[indices % FRAMES]))
    x, y, width, height = BOX
    rounded = np.clip(pictures * 255 + 0.5, 0, 255).astype(np.uint8).transpose(0, 2, 3, 1)
    return rounded[:, y : y + height, x : x + width]


@pytest.mark.parametrize("cache_mib", [256, 0])
def test_it_draws_what_the_net_draws(cache_mib: int) -> None:
    net = FaceNet(NET)
    bound = loop(net, CROPS, BOX, cache_mib=cache_mib)
    for indices in (np.array([3]), np.array([0, 10, 11, 25]), np.arange(30, 38)):
        mels = windows(len(indices))
        difference = bound.render(mels, indices).astype(int) - whole(net, mels, indices)
        assert np.abs(difference).max() <= (1 if cache_mib else 0), "what is kept is rounded"


@pytest.mark.parametrize("cache_mib", [256, 0])
def test_a_mouth_is_heard_or_told(tmp_path: Path, cache_mib: int) -> None:
    net = FaceNet(generate.grey_mouth(tmp_path / "net.onnx", mouths=True))
    bound = loop(net, CROPS, BOX, cache_mib=cache_mib)
    assert bound.takes_mouths
    indices = np.arange(5)
    mels = windows(5)
    mouths = bound.listen(mels, indices / 25)
    assert mouths.shape == (5, 8)
    assert np.allclose(mouths[:, 0], [0, 0.25, 0.5, 0.75, 1])
    difference = bound.render(mouths, indices).astype(int) - whole(net, mels, indices)
    assert np.abs(difference).max() <= 1
    with pytest.raises(AvatarError):
        bound.render(mels, indices)


def test_a_tensor_of_mouths_that_is_not_there_is_told(tmp_path: Path) -> None:
    told = {"mouth_tensor": "nowhere"}
    with pytest.raises(AvatarError, match="'nowhere'"):
        FaceNet(generate.grey_mouth(tmp_path / "net.onnx", mouths=True, metadata=told))
    other = {"mouth_parameters": "open round"}
    assert FaceNet(generate.grey_mouth(tmp_path / "other.onnx", mouths=True, metadata=other)).mouth is None


def test_pieces_of_pictures_are_kept_as_bytes() -> None:
    bound = loop(FaceNet(NET), CROPS, BOX, cache_mib=0)
    assert bound.cached_bytes == FRAMES * 6 * SIZE * SIZE
    assert graph.packed(np.float32([0.5])).dtype == np.float16
    assert graph.packed(np.float32([-1 / 255])).dtype == np.float16
    assert graph.packed(np.float32([80.1])).dtype == np.float32
    pieces = np.arange(256, dtype=np.float32) * np.float32(1 / 255)
    assert graph.packed(pieces).dtype == np.uint8
    assert np.array_equal(graph.unpacked(graph.packed(pieces)), pieces)


def test_frames_that_differ_in_what_suits_them_are_kept_alike() -> None:
    """A frame that is black at the cut, before frames that are not."""
    net = FaceNet(NET)
    crops = np.concatenate([np.zeros((8, SIZE, SIZE, 3), np.uint8), CROPS])
    bound = loop(net, crops, BOX, cache_mib=256)
    drawn = bound.render(windows(3), np.array([0, 8, 12]))
    assert np.abs(drawn[1].astype(int) - whole(net, windows(3), np.array([0, 0, 4]))[1]).max() <= 1


def test_a_frame_is_prepared_once_when_it_is_first_drawn() -> None:
    asked: list[int] = []

    def crop(frame: int) -> np.ndarray:
        asked.append(frame)
        return CROPS[frame]

    net = FaceNet(NET)
    bound = LoopNet(net, crop, FRAMES, BOX, cache_mib=256)
    asked.clear()
    for indices in (np.array([4, 2, 4 + FRAMES]), np.array([2, 3])):
        mels = windows(len(indices))
        difference = bound.render(mels, indices).astype(int) - whole(net, mels, indices)
        assert np.abs(difference).max() <= 1
    assert asked == [2, 4, 3]
    while bound.prepare():
        pass
    assert sorted(asked) == list(range(FRAMES)), "in spare time the rest"


def test_what_depends_on_the_picture_alone_is_cut_off(tmp_path: Path) -> None:
    """face -> +1 -> x2, added to the mean of mel: the cut is behind x2."""
    nodes = [
        helper.make_node("Add", ["face", "one"], ["raised"]),
        helper.make_node("Add", ["raised", "raised"], ["doubled"]),
        helper.make_node("ReduceMean", ["mel"], ["level"], axes=[1, 2, 3], keepdims=1),
        helper.make_node("Add", ["doubled", "level"], ["picture"]),
    ]
    mel = helper.make_tensor_value_info("mel", TensorProto.FLOAT, ["batch", 1, 80, 16])
    face = helper.make_tensor_value_info("face", TensorProto.FLOAT, ["batch", 6, 64, 64])
    out = helper.make_tensor_value_info("picture", TensorProto.FLOAT, ["batch", 6, 64, 64])
    one = onnx.numpy_helper.from_array(np.float32([1]), "one")
    model = helper.make_model(helper.make_graph(nodes, "net", [mel, face], [out], [one]))
    del model.opset_import[:]
    model.opset_import.append(helper.make_opsetid("", 17))
    assert graph.frontier(model, "mel", "face") == ["doubled"]
    half = graph.picture_half(model, "face", ["doubled"])
    assert [node.op_type for node in half.graph.node] == ["Add", "Add"]
    for item in (mel, face, out):
        item.type.tensor_type.shape.dim[0].dim_value = 1
    fixed = helper.make_model(helper.make_graph(nodes, "net", [mel, face], [out], [one]))
    assert graph.frontier(fixed, "mel", "face") == ["doubled"], "a net for one picture at a time is cut as well"


def joined(axis: int, *tall: int | None) -> onnx.ModelProto:
    """Pieces of `face` that are inverted, so many rows each, or as many as one likes, joined to a picture."""
    names = [f"piece{number}" for number in range(len(tall))]
    kinds = [helper.make_tensor_value_info(f"in.{name}", 1, [1, 3, n, 8]) for name, n in zip(names, tall, strict=True)]
    nodes = [helper.make_node("Neg", [f"in.{name}"], [name]) for name in names]
    picture = helper.make_tensor_value_info("picture", TensorProto.FLOAT, [1, None, None, None])
    nodes.append(helper.make_node("Concat", names, ["picture"], axis=axis))
    model = helper.make_model(helper.make_graph(nodes, "net", kinds, [picture]))
    onnx.checker.check_model(model)
    return model


@pytest.mark.parametrize(("top", "piece", "shifted"), [(0, "piece0", 0), (1, "piece0", 1), (3, "piece1", 0)])
def test_what_is_joined_above_or_below_the_box_is_not_drawn(top: int, piece: str, shifted: int) -> None:
    left, box = graph.trimmed(joined(2, 3, 4), (1, top, 5, 2))
    assert left.graph.output[0].name == piece
    assert box == (1, shifted, 5, 2)


@pytest.mark.parametrize(
    ("model", "box"),
    [
        (joined(2, 3, 4), (0, 2, 5, 2)),
        (joined(3, 7, 7), (0, 0, 5, 2)),
        (joined(2, None, 4), (0, 5, 5, 2)),
    ],
    ids=["across both", "side by side", "unknown"],
)
def test_a_picture_whose_parts_are_all_needed_stays_whole(model: onnx.ModelProto, box: graph.Box) -> None:
    assert graph.trimmed(model, box) == (model, box)


def test_a_picture_that_is_not_finite_is_refused() -> None:
    net = FaceNet(NET)
    for weight in net.model.graph.initializer:
        values = onnx.numpy_helper.to_array(weight)
        if values.dtype == np.float32:
            weight.CopyFrom(onnx.numpy_helper.from_array(np.full_like(values, np.nan), weight.name))
    with pytest.raises(AvatarError) as caught:
        loop(net, CROPS, BOX, cache_mib=1).render(windows(2), np.arange(2))
    assert caught.value.code == "inference-failed"


@pytest.mark.parametrize("mels", [np.full((1, 80, 16), np.nan, np.float32), np.zeros((1, 80, 15), np.float32)])
def test_wrong_windows_are_refused(mels: np.ndarray) -> None:
    with pytest.raises(AvatarError) as caught:
        loop(FaceNet(NET), CROPS, BOX, cache_mib=1).render(mels, np.arange(1))
    assert caught.value.code == "avatar-input"


@pytest.mark.parametrize(
    ("available", "names"),
    [
        (["AzureExecutionProvider", "CPUExecutionProvider"], ["CPUExecutionProvider"]),
        (
            ["TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"],
            ["CUDAExecutionProvider", "CPUExecutionProvider"],
        ),
    ],
)
def test_a_gpu_is_used_where_the_runtime_has_one(available: list[str], names: list[str]) -> None:
    assert [name for name, _ in chosen_providers(available)] == names


@pytest.mark.gpu
def test_a_gpu_draws_what_the_cpu_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    mels, indices = windows(64), np.arange(64)
    on_gpu = loop(FaceNet(NET), CROPS, BOX, cache_mib=256)
    assert on_gpu.cuda
    monkeypatch.setattr("appliance.face.onnx_file.chosen_providers", lambda _: [("CPUExecutionProvider", {})])
    on_cpu = loop(FaceNet(NET), CROPS, BOX, cache_mib=256)
    difference = on_gpu.render(mels, indices).astype(int) - on_cpu.render(mels, indices)
    assert np.abs(difference).max() <= 1


def test_a_unet_gives_up_of_its_skips_what_there_is_no_room_for(stranger_files: dict[str, Path]) -> None:
    """The largest are made again from what lies nearer to the face; what is drawn stays what the net draws."""
    net = FaceNet(stranger_files["small"])
    crops = np.random.default_rng(5).integers(0, 256, (FRAMES, 96, 96, 3), np.uint8)
    cut = graph.frontier(net.model, net.sound, net.face)
    assert len(cut) == 8, "seven skips and the reference itself"
    indices, mels = np.array([0, 7, 12, 13]), windows(4)
    pictures = net.render(mels[:, None], face_input(crops[indices % FRAMES]))
    whole = np.clip(pictures * 255 + 0.5, 0, 255).astype(np.uint8).transpose(0, 2, 3, 1)
    kept: list[int] = []
    for cache_mib in (256, 1, 0):
        bound = loop(net, crops, (0, 0, 96, 96), cache_mib=cache_mib)
        kept.append(bound.cached_bytes)
        assert cache_mib == 0 or bound.cached_bytes <= cache_mib * 2**20
        assert np.abs(bound.render(mels, indices).astype(int) - whole).max() <= 1
    assert sorted(set(kept), reverse=True) == kept, "each limit leaves less, the last one the faces alone"
    assert kept[-1] == FRAMES * 6 * 96 * 96


def test_one_picture_at_a_time_is_kept_and_drawn_as_well(stranger_files: dict[str, Path]) -> None:
    alone = FaceNet(stranger_files["small"], adapter=Adapter(together=False))
    crops = np.random.default_rng(5).integers(0, 256, (FRAMES, 96, 96, 3), np.uint8)
    many = loop(FaceNet(stranger_files["small"]), crops, (20, 50, 40, 30), cache_mib=256)
    one = loop(alone, crops, (20, 50, 40, 30), cache_mib=256)
    assert (one.together, many.together) == (False, True)
    assert one.cached_bytes > FRAMES * 6 * 96 * 96, "its picture half is kept"
    drawn = np.concatenate([one.render(windows(3)[at : at + 1], np.array([at])) for at in range(3)])
    assert np.abs(drawn.astype(int) - many.render(windows(3), np.arange(3))).max() <= 1
