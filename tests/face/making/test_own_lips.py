"""A speaking person's mouth is laid on her resting face, with the parameters that make the same lips."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from appliance.face.making.mouth import edges, measure
from appliance.face.making.own_lips import Lips, OwnLips, fit
from appliance.face.making.still import Still
from appliance.face.visemes import PARAMETERS
from tests.face.making.conftest import Pixels, laid_points


@pytest.mark.parametrize(
    "told",
    [
        {"jaw": 0.6, "up": 0.3},
        {"jaw": 0.3, "wide": 0.7, "up": 0.2},
        {"jaw": 0.4, "round": 0.7},
        {"jaw": 0.9, "wide": 0.3, "round": 0.1, "up": 0.5},
    ],
)
def test_lips_that_parameters_made_give_the_parameters(still: Still, told: dict[str, float]) -> None:
    mouth = measure(still.points)
    params = np.zeros(len(PARAMETERS), np.float32)
    for name, value in told.items():
        params[PARAMETERS.index(name)] = value
    made = edges(mouth, params)
    found, missed = fit(mouth, Lips(made.width, (made.outer_top, made.inner_top, made.inner_low, made.outer_low)))
    assert missed < 0.4
    assert np.abs(found - params).max() < 0.15


def speaking(still: Still, apart: float, *, turn: float = 0.0) -> tuple[Pixels, np.ndarray]:
    """The still's picture and points with an open mouth, seen by a camera that was moved and turned."""
    points = laid_points(apart=apart)
    points[:, :2] = points[:, :2] * still.scale + (still.points[10, :2] - laid_points()[10, :2] * still.scale)
    picture = still.picture.copy()
    cv2.circle(picture, [round(float(at)) for at in points[[13, 14], :2].mean(0)], 3, (20, 10, 30), -1)
    matrix = cv2.getRotationMatrix2D((256, 200), turn, 1.0)
    matrix[:, 2] += (5, -4)
    points[:, :2] = points[:, :2] @ matrix[:, :2].T + matrix[:, 2]
    return np.asarray(cv2.warpAffine(picture, matrix, picture.shape[1::-1]), np.uint8), points.astype(np.float32)


def test_an_open_mouth_is_laid_where_it_belongs(still: Still) -> None:
    lips = OwnLips([still])
    lesson = lips.lesson(*speaking(still, 14.0, turn=6.0))
    assert lesson is not None
    assert lesson.picture.shape == (96, 192, 3)
    assert lesson.mouth[PARAMETERS.index("jaw")] > 0.2
    left, top, side = still.box
    rest = still.picture[top + side // 2 : top + side, left : left + side].astype(int)
    middle = np.round(still.points[[13, 14], :2].mean(0) - (left, top + side // 2)).astype(int)
    assert np.abs(lesson.picture[middle[1], middle[0]].astype(int) - (20, 10, 30)).max() < 60, "the dot is at its place"
    assert np.abs(lesson.picture[:, :4].astype(int) - rest[:, :4]).max() <= 1, "and the rest is as it was"


def test_closed_lips_and_a_turned_head_teach_nothing(still: Still) -> None:
    lips = OwnLips([still])
    assert lips.lesson(*speaking(still, 0.0)) is None
    picture, points = speaking(still, 14.0)
    away = points.copy()
    away[[33, 133], 0] += 14
    assert lips.lesson(picture, away) is None
