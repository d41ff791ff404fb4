"""The still has the face where the net expects it, whatever the photo's size, and never leaves the photo."""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np
import pytest

from appliance.errors import MediaError
from appliance.face.making import still
from appliance.face.making.landmarks import Face
from appliance.face.making.still import BOX, CHIN, EYES_TO_CHIN, cut, eyes
from tests.face.making.conftest import Pixels, laid_face


@pytest.mark.parametrize("scale", [0.5, 1.0, 2.7])
def test_the_face_is_as_large_as_the_net_draws_it(photo: Pixels, scale: float) -> None:
    picture = cv2.resize(photo, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    made = cut(picture, laid_face(scale=scale, middle=(256 * scale, 230 * scale)))
    between = np.mean(eyes(made.points), axis=0)
    assert np.linalg.norm(made.points[CHIN, :2] - between) == pytest.approx(EYES_TO_CHIN, abs=0.5)
    left, top, side = made.box
    mouth = made.points[[61, 291], :2].mean(0)
    assert side == BOX
    assert np.abs(mouth - (left + 96, top + 119)).max() <= 2
    height, width = made.picture.shape[:2]
    assert left % 2 == top % 2 == height % 2 == width % 2 == 0
    assert left + side <= width
    assert top + side <= height


def test_points_and_pixels_stay_together(photo: Pixels, face: Face) -> None:
    made = cut(photo, face)
    right, left = (made.points[at, :2] for at in (33, 263))
    middle = (right + left) / 2
    pupil = made.picture[round(float(middle[1])), round(float(right[0] + 15 * made.scale))]
    assert pupil.max() < 120, "the dark of the eye lies between its corners"


@pytest.mark.parametrize("shift", [(-120, 0), (120, 0), (0, -150), (0, 170)])
def test_a_face_near_an_edge_keeps_its_box_inside_or_is_refused(
    photo: Pixels, face: Face, shift: tuple[int, int]
) -> None:
    matrix = np.array([[1, 0, shift[0]], [0, 1, shift[1]]], np.float64)
    moved = cv2.warpAffine(photo, matrix, (512, 512))
    points = face.points + np.array([*shift, 0], np.float32)
    try:
        made = cut(moved, dataclasses.replace(face, points=points))
    except MediaError as error:
        assert error.code == "face-cut-off"
        return
    left, top, side = made.box
    assert min(left, top) >= 0
    assert made.picture.shape[1] >= left + side
    assert made.picture.shape[0] >= top + side


def test_a_small_photo_gives_a_small_still(photo: Pixels, face: Face) -> None:
    made = cut(photo[:450], face)
    assert made.picture.shape[0] < still.SIZE
    assert made.picture.shape[0] % 2 == 0
