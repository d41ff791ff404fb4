"""Who drew a film is known by its pictures; her mouths are none unlike her own, and some unlike others."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from appliance.evaluation.engines import teacher
from appliance.face.avatar import load_avatar
from appliance.face.visemes import PARAMETERS
from tests.models import generate

skia = pytest.importorskip("skia", reason="skia is not installed: it comes with the extra `train`")


@pytest.fixture(scope="module")
def shipped() -> teacher.Teacher:
    avatar = load_avatar(Path(__file__).parents[3] / "models" / "face" / "default.avatar")
    found = teacher.of(avatar)
    assert found is not None
    return found


def test_the_shipped_one_is_found(shipped: teacher.Teacher) -> None:
    from appliance.face.training.presenters import PRESENTERS

    assert shipped.look is PRESENTERS["sam"]
    assert len(shipped.poses) == shipped.avatar.n_frames


def test_nobody_else_has_one() -> None:
    assert teacher.of(load_avatar(generate.HERE / "tiny.avatar")) is None


def test_its_own_drawing_differs_by_the_coding_alone(shipped: teacher.Teacher) -> None:
    from appliance.face.training.rig import Portrait

    mouth = np.zeros((1, len(PARAMETERS)), np.float32)
    mouth[0, :2] = 0.8, 0.5
    drawn = Portrait(shipped.look, shipped.poses[3], view=shipped.view).draw(mouth[0])
    picture = cv2.cvtColor(drawn, cv2.COLOR_BGR2YUV_I420).tobytes()
    (own,) = shipped.errors([picture], [3], mouth)
    (other,) = shipped.errors([picture], [3], np.zeros_like(mouth))
    assert own < 20
    assert other > 10 * own
