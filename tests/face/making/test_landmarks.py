"""The real nets find the faces that are there, and their points lie where the drawing has them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("ai_edge_litert", reason="ai-edge-litert is not installed: it comes with the extra `train`")
pytest.importorskip("skia", reason="skia-python is not installed: it comes with the extra `train`")


from appliance.face.making.checks import examine
from appliance.face.making.landmarks import N_POINTS, FaceFinder
from appliance.face.making.matting import Matter
from appliance.face.training.look import HOUSE, Pose, random_look
from appliance.face.training.rig import REST, Portrait, mouth_place
from appliance.face.training.view import CROP

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def finder(nets: Path) -> FaceFinder:
    return FaceFinder(nets)


@pytest.fixture(scope="module")
def presenter() -> np.ndarray:
    return Portrait(HOUSE, Pose()).draw(REST)


def test_a_presenter_is_found_with_its_mouth(finder: FaceFinder, presenter: np.ndarray) -> None:
    (face,) = finder.find(presenter)
    assert face.presence > 0.9
    assert face.points.shape == (N_POINTS, 3)
    x, y = mouth_place(HOUSE, Pose())[:2]
    wanted = (CROP[0] + x, CROP[1] + 96 + y)
    assert np.abs(face.points[[61, 291], :2].mean(0) - wanted).max() < 6


def test_a_tilted_head_turns_the_points(finder: FaceFinder, presenter: np.ndarray) -> None:
    turn = cv2.getRotationMatrix2D((256, 220), 20, 1)
    turned = cv2.warpAffine(presenter, turn, (512, 512), borderMode=cv2.BORDER_REPLICATE)
    (straight,), (tilted,) = finder.find(presenter), finder.find(turned)
    moved = straight.points[:, :2] @ turn[:, :2].T + turn[:, 2]
    assert np.abs(moved - tilted.points[:, :2]).mean() < 4


def test_a_small_face_is_found_in_a_part(finder: FaceFinder, presenter: np.ndarray) -> None:
    wide = np.full((1400, 2000, 3), 200, np.uint8)
    wide[1000:1256, 1600:1856] = cv2.resize(presenter, (256, 256), interpolation=cv2.INTER_AREA)
    (face,) = finder.find(wide)
    assert 1600 < face.box[0] < 1856


@pytest.mark.parametrize("picture", ["noise", "grey", "wall"])
def test_where_nobody_is_nobody_is_found(finder: FaceFinder, picture: str) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (400, 400, 3)).astype(np.uint8)
    y, x = np.mgrid[0:400, 0:400]
    wall = np.repeat(np.where((x // 30 + y // 30) % 2, 200, 60)[..., None], 3, 2).astype(np.uint8)
    shown = {"noise": noise, "grey": np.full_like(noise, 128), "wall": wall}[picture]
    assert finder.find(shown) == []
    assert examine(shown, []).refusal is not None


@pytest.mark.parametrize("seed", range(4))
def test_presenters_pass_the_examination_and_two_do_not(finder: FaceFinder, seed: int) -> None:
    picture = Portrait(random_look(seed), Pose()).draw(REST)
    assert examine(picture, finder.find(picture)).refusal is None
    two = np.concatenate([picture, picture], 1)
    refusal = examine(two, finder.find(two)).refusal
    assert refusal is not None
    assert refusal.code == "several-faces"


def test_the_matte_tells_the_presenter_from_the_wall(nets: Path, presenter: np.ndarray) -> None:
    matte = Matter(nets).matte(presenter)
    assert matte.shape == (512, 512)
    assert matte[200:260, 220:290].min() > 0.9
    assert matte[40:200, :60].max() < 0.1
