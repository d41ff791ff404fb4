"""The portrait moves lips, lids and the head, and nothing else: not the wall, not the hair, not the face at rest."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from appliance.face.making.idle import Pose, pose_at
from appliance.face.making.interior import look_into
from appliance.face.making.mouth import edges, measure
from appliance.face.making.portrait import REST, Portrait
from appliance.face.making.still import Still, cut
from appliance.face.visemes import PARAMETERS, TABLE
from tests.face.making.conftest import laid_face, painted

STILL = Pose(dx=0, dy=0, roll=0, breath=0, blink=0)
Matte = NDArray[np.float32]


def _mouth(**values: float) -> NDArray[np.float32]:
    return np.array([values.get(name, 0) for name in PARAMETERS], np.float32)


@pytest.fixture(scope="module")
def portrait(still: Still, matte: Matte) -> Portrait:
    return Portrait(still, matte)


def _differs(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> NDArray[np.int64]:
    return np.abs(one.astype(int) - other).max(2)


def test_closed_lips_at_rest_are_the_photo(portrait: Portrait, still: Still) -> None:
    assert _differs(portrait.draw(REST, STILL), still.picture).max() <= 2


def test_open_lips_are_closed_at_rest(matte: Matte) -> None:
    smiling = cut(painted(teeth=True), laid_face(apart=12.0))
    drawn = Portrait(smiling, matte).draw(REST, STILL)
    left, top, _ = smiling.box
    lips = (slice(top + 108, top + 130), slice(left + 80, left + 112))
    assert smiling.picture[lips].min(2).max() > 215, "the photo shows teeth"
    assert drawn[lips].min(2).max() < 190, "at rest they are covered"


@pytest.mark.parametrize("symbol", list(TABLE))
def test_every_mouth_stays_inside_the_face(portrait: Portrait, still: Still, symbol: str) -> None:
    changed = _differs(portrait.draw(TABLE[symbol][0], STILL), still.picture) > 6
    left, top, side = still.box
    inside = np.zeros_like(changed)
    inside[top + side // 2 - 10 : top + side, left + 6 : left + side - 6] = True
    assert not changed[~inside].any()


@pytest.mark.parametrize("apart", [0.0, 1.0, 2.5, 12.0])
def test_edges_never_cross_whatever_the_parameters(apart: float) -> None:
    mouth = measure(cut(painted(), laid_face(apart=apart)).points)
    for params in np.random.default_rng(5).random((200, 8)).astype(np.float32):
        lips = edges(mouth, params)
        assert np.isfinite([lips.width, lips.chin, lips.tongue]).all()
        assert (lips.outer_top <= lips.inner_top + 1e-6).all()
        assert (lips.inner_top <= lips.inner_low + 1e-6).all()
        assert (lips.inner_low <= lips.outer_low + 1e-6).all()


@pytest.mark.parametrize("shut", [{"press": 1.0, "jaw": 0.5}, {}])
def test_pressed_lips_touch_and_open_ones_do_not(still: Still, shut: dict[str, float]) -> None:
    mouth = measure(still.points)
    closed, opened = edges(mouth, _mouth(**shut)), edges(mouth, _mouth(jaw=0.9))
    assert float((closed.inner_low - closed.inner_top).max()) < 0.01
    assert float((opened.inner_low - opened.inner_top).max()) > 10
    assert opened.chin > 5
    assert edges(mouth, _mouth(round=1.0)).width < 0.75
    assert edges(mouth, _mouth(wide=1.0)).width > 1.1


def test_an_open_mouth_is_dark_with_teeth_above(portrait: Portrait, still: Still) -> None:
    left, top, _ = still.box
    drawn = portrait.draw(_mouth(jaw=0.9, teeth=1.0, up=0.3), STILL)
    column = drawn[top + 100 : top + 150, left + 94 : left + 98].mean((1, 2))
    assert column.max() > 150, "teeth or lips"
    assert column.min() < 70, "the dark behind"


def test_teeth_are_taken_from_a_photo_that_shows_them(still: Still) -> None:
    assert look_into(still, measure(still.points)).teeth is None
    smiling = cut(painted(teeth=True), laid_face(apart=12.0))
    seen = look_into(smiling, measure(smiling.points))
    assert seen.teeth is not None
    assert seen.enamel.min() > 200


def test_a_blink_covers_both_eyes_with_skin(portrait: Portrait, still: Still) -> None:
    shut = Pose(dx=0, dy=0, roll=0, breath=0, blink=1.0)
    drawn = portrait.draw(REST, shut)
    for corners in ((33, 133), (362, 263)):
        x, y = np.round(still.points[list(corners), :2].mean(0)).astype(int)
        before, after = still.picture[y - 2 : y + 2, x - 2 : x + 2], drawn[y - 2 : y + 2, x - 2 : x + 2]
        assert before.mean() < 100, "the pupil"
        assert after.mean() > 120, "the lid"


def test_the_loop_has_no_seam_and_the_wall_stands_still(portrait: Portrait, still: Still, matte: Matte) -> None:
    step = _differs(portrait.draw(REST, pose_at(0, 200, 25)), portrait.draw(REST, pose_at(1, 200, 25))).mean()
    seam = _differs(portrait.draw(REST, pose_at(199, 200, 25)), portrait.draw(REST, pose_at(0, 200, 25))).mean()
    assert seam < 2 * step + 0.1
    far = np.ones(matte.shape, bool)
    columns = np.flatnonzero(matte.any(0))
    far[:, max(0, columns[0] - 30) : columns[-1] + 30] = False
    for frame in (40, 90, 150):
        assert _differs(portrait.draw(REST, pose_at(frame, 200, 25)), still.picture)[far].max() <= 1


def test_a_box_is_that_part_of_the_whole(portrait: Portrait, still: Still) -> None:
    pose = pose_at(30, 200, 25)
    left, top, side = still.box
    whole = portrait.draw(_mouth(jaw=0.5), pose)
    assert np.array_equal(portrait.draw(_mouth(jaw=0.5), pose, still.box), whole[top : top + side, left : left + side])


def test_the_place_follows_the_pose(portrait: Portrait) -> None:
    rest = portrait.place(STILL)
    moved = portrait.place(Pose(dx=2, dy=-1, roll=1.0, breath=0, blink=0))
    assert abs(rest[0] - 96) < 2
    assert abs(rest[1] - 23) < 2
    assert moved[2] - rest[2] == pytest.approx(np.deg2rad(1.0), abs=1e-4)
    assert moved[0] - rest[0] == pytest.approx(3.0, abs=0.6), "2 across, and 1 for the tilt about the neck"


def test_poses_are_periodic_and_small() -> None:
    poses = [pose_at(frame, 200, 25) for frame in range(200)]
    assert max(abs(pose.dx) for pose in poses) < 1.6
    assert max(pose.blink for pose in poses) == 1.0
    assert poses[0].blink == poses[-1].blink == 0
    assert pose_at(200, 200, 25).dx == pytest.approx(poses[0].dx)
