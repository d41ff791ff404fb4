"""A person in front of something else: she stays as she was, and nothing of what was behind shines through."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from appliance.errors import MediaError
from appliance.face.making.background import in_front_of, read

SIDE = 240
RED, BLUE = np.array([40, 30, 200], np.float32), np.array([190, 80, 20], np.float32)


def sitter() -> tuple[np.ndarray, np.ndarray]:
    """A red disc with a soft edge before a blue wall: the picture, and how much of each pixel is the disc."""
    y, x = np.mgrid[0:SIDE, 0:SIDE]
    matte = np.clip((70 - np.hypot(x - 120, y - 120)) / 12 + 0.5, 0, 1).astype(np.float32)
    picture = RED * matte[:, :, None] + BLUE * (1 - matte[:, :, None])
    return np.round(picture).astype(np.uint8), matte


def test_a_colour_is_behind_and_the_edge_keeps_only_the_persons_own() -> None:
    picture, matte = sitter()
    made = in_front_of(picture, matte, read("#102030")).astype(int)
    assert np.abs(made[matte == 0] - [0x30, 0x20, 0x10]).max() <= 1
    assert np.abs(made[matte == 1] - RED).max() <= 3
    wanted = RED * matte[:, :, None] + np.array([0x30, 0x20, 0x10]) * (1 - matte[:, :, None])
    assert np.abs(made - wanted).mean(2)[(matte > 0) & (matte < 1)].mean() < 6, "no blue rim"


def test_what_is_behind_is_blurred_without_the_person() -> None:
    picture, matte = sitter()
    made = in_front_of(picture, matte, read("blur")).astype(int)
    assert np.abs(made[matte == 0] - BLUE).max() <= 3, "no red glow"
    assert np.abs(made[matte == 1] - RED).max() <= 3
    striped = picture.copy()
    striped[:, ::4][matte[:, ::4] == 0] = 0
    rough = in_front_of(striped, matte, "blur")
    assert np.abs(np.diff(rough[:20].astype(int), axis=1)).max() < 12


def test_a_picture_fills_the_whole(tmp_path: Path) -> None:
    picture, matte = sitter()
    wide = np.zeros((100, 400, 3), np.uint8)
    wide[:, 140:260] = 255
    cv2.imwrite(str(tmp_path / "lobby.png"), wide)
    made = in_front_of(picture, matte, read(str(tmp_path / "lobby.png")))
    assert (made[matte == 0] == 255).all(), "its middle is shown, as high as the picture"


@pytest.mark.parametrize(("told", "code"), [("#12", "bad-background"), ("#12345g", "bad-background")])
def test_what_is_no_background_is_told(told: str, code: str) -> None:
    with pytest.raises(MediaError) as caught:
        read(told)
    assert caught.value.code == code


def test_a_file_that_is_no_picture_is_told(tmp_path: Path) -> None:
    (tmp_path / "notes.png").write_text("no picture")
    for path in (tmp_path / "notes.png", tmp_path / "missing.png"):
        with pytest.raises(MediaError):
            read(str(path))
