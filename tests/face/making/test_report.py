"""The report is a picture that shows why, and the same as JSON."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from appliance.errors import MediaError
from appliance.face.making import report
from appliance.face.making.checks import Examination, examine
from appliance.face.making.landmarks import Face
from tests.face.making.conftest import Pixels, laid_face


def test_a_refused_photo_is_shown_with_its_reason(tmp_path: Path, photo: Pixels) -> None:
    faces = [laid_face(apart=60.0)]
    shown = report.write(tmp_path / "deep" / "report", photo, faces, examine(photo, faces), {"more": 1})
    picture = cv2.imread(str(shown))
    assert picture.shape == (640, 640 + 470, 3)
    red = (picture == (60, 60, 220)).all(2)
    assert red[:, :640].sum() > 200, "a frame in the photo"
    told = json.loads((shown.parent / report.FIGURES).read_text())
    assert told["accepted"] is False
    assert told["findings"][0]["code"] == "mouth-open"
    assert told["more"] == 1


def test_a_good_photo_is_accepted(tmp_path: Path, photo: Pixels, face: Face) -> None:
    shown = report.write(tmp_path, photo, [face], examine(photo, [face]), {})
    assert json.loads((tmp_path / report.FIGURES).read_text())["accepted"] is True
    assert np.asarray(cv2.imread(str(shown))).shape[0] == 640


@pytest.mark.parametrize("shape", [(2000, 3, 3), (3, 2000, 3), (1, 1, 3)])
def test_photos_of_odd_shapes_can_be_shown(tmp_path: Path, shape: tuple[int, int, int]) -> None:
    picture = np.zeros(shape, np.uint8)
    assert report.write(tmp_path, picture, [], examine(picture, []), {}).is_file()


def test_without_a_picture_there_are_the_words(tmp_path: Path) -> None:
    found = Examination.refused("not-a-picture", "It cannot be read as a picture.", "Give another one. " * 30)
    assert cv2.imread(str(report.write(tmp_path, None, [], found, {}))).shape == (640, 470, 3)


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path, photo: Pixels) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(MediaError) as caught:
        report.write(tmp_path / "file", photo, [], examine(photo, []), {})
    assert caught.value.code == "unwritable"
