"""The drawn presenters: each drawn the same way twice, and moved by its mouth's parameters where a mouth is."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("skia", reason="skia-python is not installed: it comes with the extra `train`")

from appliance.face.training.clips import CLIPS
from appliance.face.training.look import HOUSE, OUTFITS, STYLES, Look, Pose, random_look
from appliance.face.training.presenters import PRESENTERS, main
from appliance.face.training.rig import REST, Portrait, mouth_place
from appliance.face.training.scene import backdrop, scene
from appliance.face.training.view import CROP, FACE, SIDE, VIEWS, View
from appliance.face.visemes import PARAMETERS

STILL = Pose()


def mouth(**values: float) -> np.ndarray:
    return np.array([values.get(name, 0.0) for name in PARAMETERS], np.float32)


OPEN = mouth(jaw=0.9, up=0.3, teeth=0.5)


@pytest.fixture(scope="module")
def portrait() -> Portrait:
    return Portrait(HOUSE, STILL)


def changed(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Where two pictures differ visibly, (H, W) bool."""
    return np.abs(first.astype(int) - second.astype(int)).max(2) > 12


def test_a_picture_is_drawn_the_same_twice(portrait: Portrait) -> None:
    again = Portrait(HOUSE, STILL).draw(OPEN)
    assert again.shape == (SIDE, SIDE, 3)
    assert again.dtype == np.uint8
    assert np.array_equal(portrait.draw(OPEN), again)


def test_the_mouth_moves_nothing_above_the_middle_of_the_box_nor_beside_it(portrait: Portrait) -> None:
    moved = changed(portrait.draw(REST), portrait.draw(OPEN))
    left, top, size = CROP
    assert moved.sum() > 800
    moved[top + size // 2 :, left : left + size] = False
    assert not moved.any()


def test_the_box_alone_is_the_same_as_the_box_of_the_whole(portrait: Portrait) -> None:
    left, top, size = CROP
    whole = portrait.draw(OPEN)[top : top + size, left : left + size]
    alone = Portrait(HOUSE, STILL, view=FACE).draw(OPEN)
    assert np.abs(whole.astype(int) - alone.astype(int)).mean() < 0.5


@pytest.mark.parametrize("pose", [STILL, Pose(dx=6, dy=-4, roll=3), Pose(yaw=0.8, pitch=-0.6, scale=1.05)])
def test_the_mouth_is_where_it_is_said_to_be(pose: Pose) -> None:
    face = Portrait(HOUSE, pose, view=FACE)
    rows, columns = np.nonzero(changed(face.draw(mouth()), face.draw(mouth(jaw=0.6)))[96:150])
    x, y, _, half, *_ = mouth_place(HOUSE, pose)
    assert abs(np.median(columns) - x) < 6
    assert 0 < np.median(rows) - y < 25, "an open mouth hangs down from its line"
    assert np.subtract(*np.percentile(columns, (85, 15))) < 3 * half


def test_pressed_lips_stay_closed_whatever_the_jaw_does(portrait: Portrait) -> None:
    rest, pressed, opened = (portrait.draw(params) for params in (REST, mouth(press=1, jaw=0.3), OPEN))
    assert changed(rest, pressed).sum() < 0.5 * changed(rest, opened).sum()


def test_teeth_are_bright_and_a_mouth_without_is_dark(portrait: Portrait) -> None:
    x, y, *_ = mouth_place(HOUSE, STILL)
    row, column = CROP[1] + CROP[2] // 2 + round(float(y)), CROP[0] + round(float(x))

    def brightest(params: np.ndarray) -> float:
        inside = portrait.draw(params)[row - 4 : row + 24, column - 12 : column + 12]
        return float(np.percentile(inside.min(2), 95))

    assert brightest(mouth(jaw=0.7, teeth=1, up=0.4)) > brightest(mouth(jaw=0.7, teeth=0)) + 30


LOOKS = [
    *[dataclasses.replace(HOUSE, style=style) for style in STYLES],
    dataclasses.replace(HOUSE, beard=1.0),
    dataclasses.replace(HOUSE, glasses=1),
    dataclasses.replace(HOUSE, glasses=2),
    dataclasses.replace(HOUSE, lashes=1.0, lobby=False),
]


def test_looks_differ_from_each_other() -> None:
    pictures = [Portrait(look, STILL).draw(REST) for look in LOOKS]
    for number, first in enumerate(pictures):
        for second in pictures[:number]:
            if first is not pictures[0]:
                assert changed(first, second).sum() > 60


@pytest.mark.parametrize("seed", range(6))
def test_a_person_that_nobody_has_seen_can_be_drawn(seed: int) -> None:
    look = random_look(seed)
    assert look == random_look(seed)
    picture = Portrait(look, STILL, background=scene(look)).draw(OPEN)
    skin = np.array(look.skin[::-1])
    cheek = picture[200:230, 200:215].reshape(-1, 3).mean(0)
    assert np.abs(cheek - skin).max() < 90, "a face is drawn in the colour of its skin"


def test_a_blink_closes_the_eyes() -> None:
    eyes = np.s_[180:215, 200:312]
    awake, asleep = (Portrait(HOUSE, Pose(blink=blink)).draw(REST)[eyes] for blink in (0.0, 1.0))
    assert changed(awake, asleep).mean() > 0.05


def test_a_joint_of_two_clips_is_not_seen() -> None:
    """The last frame of one clip and the first of any other differ less than frames inside a clip do."""
    clip = CLIPS["idle-3"]
    at = [clip.frames - 1, 0, clip.frames // 4, clip.frames // 4 + 1]
    last, rest, first, second = (Portrait(HOUSE, clip.poses()[place]).draw(REST).astype(int) for place in at)
    assert np.abs(rest - last).mean() < np.abs(second - first).mean()


@pytest.mark.parametrize("pose", [Pose(squint=1.0), Pose(concern=1.0)])
def test_eyes_and_brows_have_an_expression(pose: Pose) -> None:
    moved = changed(Portrait(HOUSE, STILL).draw(REST), Portrait(HOUSE, pose).draw(REST))
    rows, _ = np.nonzero(moved)
    assert moved.sum() > 40
    assert rows.max() < CROP[1] + CROP[2] // 2, "the mouth's half of the box is as it was"


def test_looks_are_plain_values() -> None:
    assert Look() == HOUSE


@pytest.mark.parametrize("name", PRESENTERS)
def test_a_presenter_speaks_with_the_lower_half_of_the_box_alone(name: str) -> None:
    portrait = Portrait(PRESENTERS[name], Pose(yaw=0.3, roll=1.0))
    moved = changed(portrait.draw(REST), portrait.draw(OPEN))
    left, top, size = CROP
    assert moved.sum() > 800
    moved[top + size // 2 - 4 :, left : left + size] = False
    assert not moved.any()


def test_presenters_are_eight_and_no_two_are_alike() -> None:
    small = [Portrait(look, STILL).draw(REST)[::8, ::8].astype(int) for look in PRESENTERS.values()]
    assert len(small) >= 8
    assert {look.clothes for look in PRESENTERS.values()} == set(OUTFITS)
    for number, picture in enumerate(small):
        assert all(np.abs(picture - other).mean() > 8 for other in small[:number])


def test_years_leave_lines() -> None:
    young, old = (Portrait(dataclasses.replace(HOUSE, age=age), STILL).draw(REST) for age in (0.0, 1.0))
    assert 300 < changed(young, old).sum() < 12_000


def test_an_unknown_presenter_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([str(tmp_path), "nobody"])
    assert "no presenter nobody" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", VIEWS)
def test_a_view_shows_the_same_face_drawn_as_large_as_it_needs(name: str) -> None:
    view = VIEWS[name]
    left, top, side = view.box()
    assert not any(edge % 2 for edge in (left, top, side, view.width, view.height))
    assert left + side <= view.width
    assert top + side <= view.height
    seen = Portrait(HOUSE, STILL, view=view).draw(OPEN)[top : top + side, left : left + side]
    small = cv2.resize(seen, (CROP[2], CROP[2]), interpolation=cv2.INTER_AREA)[:, 30:160].astype(int)
    assert np.abs(small - Portrait(HOUSE, STILL, view=FACE).draw(OPEN)[:, 30:160]).mean() < 4


def test_a_background_is_one_colour_a_picture_or_nothing(tmp_path: Path) -> None:
    view = View(64, 32)
    red = np.zeros((20, 10, 3), np.uint8)
    red[:, :, 2], red[:4] = 255, 0
    cv2.imwrite(str(tmp_path / "red.png"), red)
    drawn = [backdrop(told, view, blur=1.0).toarray() for told in ("#102030", str(tmp_path / "red.png"), "none")]
    assert drawn[0][5, 5].tolist() == [0x30, 0x20, 0x10, 255]
    assert drawn[1][16, 32].tolist() == [0, 0, 255, 255], "it fills the view, and its middle is seen"
    assert not drawn[2].any()
    with pytest.raises(ValueError, match="nowhere"):
        backdrop("nowhere.png", view)


def test_a_presenter_can_be_cut_out(tmp_path: Path) -> None:
    assert main([str(tmp_path), "sam", "--background", "none"]) == 0
    picture = cv2.imread(str(tmp_path / "sam.png"), cv2.IMREAD_UNCHANGED)
    assert picture is not None
    assert picture.shape == (SIDE, SIDE, 4)
    assert picture[20, 20].tolist() == [0, 0, 0, 0]
    assert picture[200, 256, 3] == 255
