"""The shipped net is read back as what was exported, trained a little, and written as a net that draws the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

pytest.importorskip("torch", reason="torch is not installed: it comes with the extra `train`")

import torch

from appliance.bundles.manifest import shipped
from appliance.errors import AvatarError
from appliance.face import graph
from appliance.face.making.lessons import Lessons, draw_lessons, spoken_mouths
from appliance.face.making.portrait import Portrait
from appliance.face.making.still import cut
from appliance.face.net import FaceNet
from appliance.face.training import tuning, weights
from tests.face.making.conftest import laid_face, painted
from tests.models import generate

NET = shipped() / "face" / "talking-face.onnx"


@pytest.fixture(scope="module")
def lessons() -> Lessons:
    still = cut(painted(), laid_face())
    portrait = Portrait(still, np.ones(still.picture.shape[:2], np.float32))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("appliance.face.making.lessons.POSES", 2)
        patch.setattr("appliance.face.making.lessons.MOUTHS", 5)
        return draw_lessons(portrait, still.box, frames=200, fps=25, seed=1)


def test_what_is_written_unchanged_is_what_was_read() -> None:
    model, generator = weights.read(NET)
    again = onnx.load_model_from_string(weights.write(model, generator))
    for one, other in zip(model.graph.initializer, again.graph.initializer, strict=True):
        difference = onnx.numpy_helper.to_array(one).astype(float) - onnx.numpy_helper.to_array(other)
        assert np.abs(difference).max() < 1e-6, one.name


def test_what_was_read_draws_what_the_net_draws() -> None:
    _, generator = weights.read(NET)
    net = FaceNet(NET)
    pick = np.random.default_rng(2)
    mel = pick.uniform(-4, 4, (2, 1, 80, 16)).astype(np.float32)
    face = pick.random((2, 6, 192, 192)).astype(np.float32)
    (mouths,) = net.open(graph.sound_half(net.model, net.sound, str(net.mouth))).run(None, {net.sound: mel})
    with torch.no_grad():
        drawn = generator(torch.from_numpy(face), torch.from_numpy(mouths))[0].clamp(0, 1).numpy()
    assert np.abs(drawn - net.render(mel, face)[:, :, 96:]).max() < 1e-3


def test_a_few_steps_bring_the_net_nearer_and_it_is_checked(lessons: Lessons, tmp_path: Path) -> None:
    told: list[float] = []
    content = tuning.tune(NET, lessons, minutes=0.05, threads=1, progress=told.append)
    assert told[0] < 0.01
    assert told == sorted(told)
    assert FaceNet(NET).metadata == FaceNet(content).metadata
    (tmp_path / "tuned.onnx").write_bytes(content)
    face, mouths, _, target = tuning._batch(lessons, np.arange(len(lessons.poses)))
    errors: list[float] = []
    for path in (NET, tmp_path / "tuned.onnx"):
        _, generator = weights.read(path)
        with torch.no_grad():
            errors.append(float((generator(face, mouths)[0] - target).abs().mean()))
    assert errors[1] < errors[0]


def test_ctrl_c_stops_it(lessons: Lessons) -> None:
    def stop(share: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tuning.tune(NET, lessons, minutes=5, threads=1, progress=stop)


def test_another_net_is_refused(tmp_path: Path, lessons: Lessons) -> None:
    with pytest.raises(AvatarError) as caught:
        tuning.tune(generate.grey_mouth(tmp_path / "x.onnx"), lessons, minutes=1, threads=1, progress=lambda _: None)
    assert caught.value.code == "incompatible"


def test_lessons_hold_together(lessons: Lessons) -> None:
    assert lessons.references.shape == (2, 192, 192, 3)
    assert lessons.pictures.shape == (12, 96, 192, 3)
    assert np.array_equal(lessons.pictures[0], lessons.references[0][96:]), "the first is at rest"
    mouths = spoken_mouths(50, 3)
    assert mouths.shape == (50, 8)
    assert mouths.min() >= 0
    assert mouths.max() <= 1
    assert np.array_equal(mouths, spoken_mouths(50, 3))
