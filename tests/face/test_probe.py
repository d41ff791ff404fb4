"""What a stranger's net is, is found out by what it does; what is no face net is refused with the reason."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from appliance.errors import AvatarError
from appliance.face.adapter import Adapter
from appliance.face.avatar import Avatar, load_avatar
from appliance.face.compositor import Compositor
from appliance.face.loop_net import face_input
from appliance.face.net import FaceNet
from appliance.face.probe import Probed, Prober

AVATAR = Path(__file__).parents[2] / "models" / "face" / "default.avatar"


@pytest.fixture(scope="module")
def avatar() -> Avatar:
    return load_avatar(AVATAR)


def probed(files: dict[str, Path], name: str, avatar: Avatar) -> Probed:
    encoder = files["hubert"] if name == "ultralight" else None
    return Prober(files[name], avatar, encoder=encoder).probe()


@pytest.mark.parametrize(
    ("name", "size", "adapter"),
    [
        ("small", 96, Adapter()),
        ("minus-one", 256, Adapter(draws="-1..1")),
        ("bytes", 288, Adapter(draws="0..255")),
        ("rgb", 192, Adapter(colours="rgb")),
        ("lower-half", 384, Adapter(region="lower-half")),
        ("ultralight", 160, Adapter(kind="ultralight")),
    ],
)
def test_a_net_tells_how_it_is_run(
    stranger_files: dict[str, Path], avatar: Avatar, name: str, size: int, adapter: Adapter
) -> None:
    found = probed(stranger_files, name, avatar)
    assert (found.adapter, found.size) == (adapter, size)
    assert found.colours_told == (name == "rgb")
    assert found.likeness < 0.1
    assert found.moved > 0.02
    assert found.ms_per_frame > 0


@pytest.mark.parametrize(
    ("name", "says"),
    [("nan", "not finite"), ("flat", "the same for every pixel"), ("deaf", "in silence and at a vowel")],
)
def test_what_draws_no_talking_face_is_refused(
    stranger_files: dict[str, Path], avatar: Avatar, name: str, says: str
) -> None:
    with pytest.raises(AvatarError, match=says) as caught:
        probed(stranger_files, name, avatar)
    assert caught.value.code == "incompatible"
    assert caught.value.hint


@pytest.mark.parametrize("name", ["minus-one", "bytes", "rgb", "lower-half"])
def test_an_adapted_net_keeps_our_contract(stranger_files: dict[str, Path], avatar: Avatar, name: str) -> None:
    """In silence these draw the face that they are shown; where it is loud, the upper half stays."""
    found = probed(stranger_files, name, avatar)
    net = FaceNet(stranger_files[name], adapter=found.adapter)
    crop = Compositor(avatar).crop(3, found.size)
    face = face_input(crop[None])
    for level in (-4, 4):
        drawn = net.render(np.full((1, 1, 80, 16), level, np.float32), face)
        upper = slice(0, found.size if level < 0 else found.size // 2)
        shown = face[:, 3:, upper]
        if name == "rgb":  # half of what it draws is skin
            skin = np.float32([0.55, 0.66, 0.85]).reshape(1, 3, 1, 1)
            shown = (shown + skin) / 2
        assert np.abs(drawn[:, :, upper] - shown).max() < 1e-5


def test_colours_that_are_said_are_believed(stranger_files: dict[str, Path], avatar: Avatar) -> None:
    found = Prober(stranger_files["small"], avatar).probe("rgb")
    assert (found.adapter.colours, found.colours_told) == ("rgb", True)


def test_a_net_for_one_picture_at_a_time_stays_so(
    stranger_files: dict[str, Path], avatar: Avatar, tmp_path: Path
) -> None:
    """What only an exporter's note says is freed; a size that the net itself needs is not."""
    import onnx

    model = onnx.load(stranger_files["small"])
    first = model.graph.node[0]
    flat = onnx.numpy_helper.from_array(np.array([1, 6, 96, 96]), "fixed")
    model.graph.initializer.append(flat)
    model.graph.node.insert(0, onnx.helper.make_node("Reshape", ["imgs", "fixed"], ["one"]))
    first = model.graph.node[1]
    first.input[0] = "one"
    for item in (*model.graph.input, *model.graph.output):
        item.type.tensor_type.shape.dim[0].dim_value = 1
    onnx.save(model, tmp_path / "one.onnx")
    assert Prober(tmp_path / "one.onnx", avatar).probe().adapter == Adapter(together=False)
