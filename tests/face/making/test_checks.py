"""Each way in which a photo spoils an avatar is found, by its own name; a good one passes."""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np
import pytest

from appliance.face.making.checks import Examination, angles, examine
from appliance.face.making.landmarks import Face
from tests.face.making.conftest import MIDDLE, Pixels, laid_face, laid_points, painted


def _codes(found: Examination, *, refused: bool | None = None) -> set[str]:
    return {finding.code for finding in found.findings if refused in (None, finding.refused)}


def _refused(photo: Pixels, *faces: Face) -> str:
    refusal = examine(photo, faces).refusal
    assert refusal is not None
    assert refusal.sentence.endswith(".")
    assert refusal.advice
    return refusal.code


def _turned(face: Face, *, yaw: float = 0, pitch: float = 0, roll: float = 0) -> Face:
    """The same points, turned as a solid: the head is as deep as it is wide."""
    points = face.points.copy() - np.array([*MIDDLE, 0], np.float32)
    points[:, 2] = np.abs(points[:, 0]) * 0.4
    a, b, c = np.radians([yaw, pitch, roll])
    about_y = np.array([[np.cos(a), 0, -np.sin(a)], [0, 1, 0], [np.sin(a), 0, np.cos(a)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
    about_z = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    moved = (points @ (about_z @ about_x @ about_y).T + np.array([*MIDDLE, 0])).astype(np.float32)
    return dataclasses.replace(face, points=moved)


def test_a_good_photo_passes(photo: Pixels, face: Face) -> None:
    found = examine(photo, [face])
    assert found.findings == ()
    assert found.figures["face_px"] == pytest.approx(190, abs=2)
    assert {"yaw", "skin", "detail", "lips_apart", "eyes_open", "lower_face", "grain"} <= set(found.figures)


def test_nobody_and_several(photo: Pixels, face: Face) -> None:
    assert _refused(photo) == "no-face"
    assert _refused(photo, face, face) == "several-faces"
    behind = dataclasses.replace(face, box=(0, 0, 30, 40))
    assert "several-faces" not in _codes(examine(photo, [face, behind])), "somebody far behind is no second person"


@pytest.mark.parametrize("size", [(40, 40), (95, 300)])
def test_too_few_pixels(size: tuple[int, int]) -> None:
    assert _refused(np.zeros((*size, 3), np.uint8)) == "photo-too-small"


def test_a_face_at_the_edge(photo: Pixels, face: Face) -> None:
    moved = dataclasses.replace(face, points=face.points - np.array([200, 0, 0], np.float32))
    assert _refused(photo, moved) == "face-cut-off"


@pytest.mark.parametrize(("scale", "code", "refused"), [(0.15, "face-too-small", True), (0.3, "face-small", False)])
def test_small_faces(photo: Pixels, scale: float, code: str, refused: bool) -> None:
    small = cv2.resize(photo, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    wide = cv2.copyMakeBorder(small, 100, 100, 100, 100, cv2.BORDER_REPLICATE)
    middle = (MIDDLE[0] * scale + 100, MIDDLE[1] * scale + 100)
    assert code in _codes(examine(wide, [laid_face(scale=scale, middle=middle)]), refused=refused)


@pytest.mark.parametrize(
    ("turn", "code", "refused"),
    [
        ({"yaw": 20.0}, "face-turned", False),
        ({"yaw": -40.0}, "face-turned", True),
        ({"pitch": 38.0}, "face-turned", True),
        ({"roll": 16.0}, "head-tilted", False),
        ({"roll": -30.0}, "head-tilted", True),
    ],
)
def test_turned_and_tilted_heads(photo: Pixels, face: Face, turn: dict[str, float], code: str, refused: bool) -> None:
    assert code in _codes(examine(photo, [_turned(face, **turn)]), refused=refused)


def test_angles_are_those_of_the_turn(face: Face) -> None:
    assert angles(_turned(face, yaw=20).points)[0] == pytest.approx(20, abs=1)
    assert angles(_turned(face, roll=-15).points)[2] == pytest.approx(-15, abs=1)


@pytest.mark.parametrize(
    ("gain", "code", "refused"), [(0.1, "too-dark", True), (0.3, "too-dark", False), (3.0, "too-bright", True)]
)
def test_light(photo: Pixels, face: Face, gain: float, code: str, refused: bool) -> None:
    lit = np.clip(photo * gain, 0, 255).astype(np.uint8)
    assert code in _codes(examine(lit, [face]), refused=refused)


def test_half_in_the_shadow(photo: Pixels, face: Face) -> None:
    shaded = photo.copy()
    shaded[:, :256] = shaded[:, :256] * 0.4
    assert "uneven-light" in _codes(examine(shaded, [face]), refused=False)


@pytest.mark.parametrize(("sigma", "refused"), [(4.5, False), (8.0, True)])
def test_blurred(photo: Pixels, face: Face, sigma: float, refused: bool) -> None:
    assert "blurred" in _codes(examine(cv2.GaussianBlur(photo, (0, 0), sigma), [face]), refused=refused)


@pytest.mark.parametrize(("apart", "refused"), [(14.0, False), (60.0, True)])
def test_an_open_mouth(photo: Pixels, apart: float, refused: bool) -> None:
    assert "mouth-open" in _codes(examine(photo, [laid_face(apart=apart)]), refused=refused)


def test_closed_eyes(photo: Pixels, face: Face) -> None:
    closed = face.points.copy()
    for up, low in ((159, 145), (386, 374)):
        closed[up] = closed[low] - np.array([0, 1, 0], np.float32)
    assert _refused(photo, dataclasses.replace(face, points=closed)) == "eyes-closed"


def test_dark_glasses(photo: Pixels, face: Face) -> None:
    worn = photo.copy()
    for side in (-40, 40):
        cv2.ellipse(worn, (int(MIDDLE[0]) + side, int(MIDDLE[1])), (32, 24), 0, 0, 360, (25, 20, 20), -1)
    assert _refused(worn, face) == "eyes-covered"


def test_glasses_are_only_a_warning(photo: Pixels, face: Face) -> None:
    worn = photo.copy()
    x, y = (int(at) for at in MIDDLE)
    cv2.line(worn, (x - 15, y), (x + 15, y), (30, 30, 30), 5)
    assert _codes(examine(worn, [face]), refused=False) == {"glasses"}


@pytest.mark.parametrize("colour", [(235, 225, 220), (200, 160, 90), (40, 40, 40)])
def test_a_mask(photo: Pixels, face: Face, colour: tuple[int, int, int]) -> None:
    worn = photo.copy()
    x, y = (int(at) for at in MIDDLE)
    cv2.ellipse(worn, (x, y + 90), (85, 55), 0, 0, 360, colour, -1)
    cv2.ellipse(worn, (x, y + 60), (20, 15), 0, 0, 360, colour, -1)
    assert "mouth-covered" in _codes(examine(worn, [face]), refused=True)


def test_skin_without_grain_is_drawn(face: Face) -> None:
    smooth = cv2.bilateralFilter(cv2.medianBlur(painted(), 7), 9, 60, 9)
    flat = smooth // 12 * 12
    assert "drawing" in _codes(examine(flat, [face]), refused=False)


def test_points_may_lie_outside_the_photo(photo: Pixels) -> None:
    points = laid_points()
    points[50:60] = -500
    assert examine(photo, [dataclasses.replace(laid_face(), points=points)]).figures
