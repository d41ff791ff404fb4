"""Words over a face: read at the bottom or the top, never where a mouth is drawn, and nothing else is touched."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from appliance.config import FaceConfig
from appliance.face.avatar import load_avatar
from appliance.face.overlay import Overlay, lay
from appliance.face.renderer import FaceRenderer
from tests.models import generate

WIDTH, HEIGHT = 320, 240
LUMA = 90


def frames(count: int = 2, size: tuple[int, int] = (WIDTH, HEIGHT)) -> np.ndarray:
    width, height = size
    whole = np.full((count, height * 3 // 2, width), 160, np.uint8)
    whole[:, :height] = LUMA
    return whole


def written(
    overlay: Overlay, mouths: tuple[int, int] = (100, 150), size: tuple[int, int] = (WIDTH, HEIGHT)
) -> tuple[np.ndarray, np.ndarray]:
    """The picture, and the rows of it that differ."""
    whole = frames(size=size)
    lay(whole, size[1], overlay, mouths)
    assert np.array_equal(whole[0], whole[1])
    return whole[0], np.flatnonzero((whole[0, : size[1]] != LUMA).any(1))


def test_nothing_to_say_changes_nothing() -> None:
    picture, rows = written(Overlay())
    assert not len(rows)
    assert (picture[HEIGHT:] == 160).all()


def test_name_and_label_stand_below_the_mouth_in_light_letters_on_dark() -> None:
    picture, rows = written(Overlay(name="Åsa", label="made by software"))
    assert rows.min() >= 150
    assert rows.max() < HEIGHT - 4, "not at the very edge"
    assert picture[rows.min() : rows.max()].max() > 220
    assert picture[rows.min() : rows.max()].min() < 60
    chroma = picture[HEIGHT:].reshape(2, HEIGHT // 2, WIDTH // 2)
    assert (chroma[:, : rows.min() // 2] == 160).all()
    assert (chroma[:, rows.min() // 2 : rows.max() // 2] != 160).any()


def test_where_there_is_no_room_below_they_stand_above() -> None:
    _, rows = written(Overlay(label="made by software"), mouths=(120, 238))
    assert rows.max() < 120


def test_the_band_is_opaque_and_as_wide_as_the_picture() -> None:
    picture, rows = written(Overlay(band="for tests, no consent"))
    assert rows.min() == 0
    assert set(rows) == set(range(rows.max() + 1))
    assert (picture[: rows.max() + 1, [0, -1]] < 40).all()


@pytest.mark.parametrize("size", [(64, 64), (320, 240), (240, 320), (1280, 720), (720, 1280)])
def test_words_fit_pictures_of_any_shape(size: tuple[int, int]) -> None:
    words = "Dr. Wilhelmina Featherstonehaugh-Cholmondeley of the Department of Long Words"
    picture, rows = written(Overlay(band=words, name=words, label=words), (size[1] // 2, size[1] // 2 + 2), size)
    assert len(rows)
    assert (picture[: size[1], -1][rows[rows > size[1] // 2]] == LUMA).all(), "it ends before the right edge"


@pytest.mark.parametrize("text", ["Grüße", "Привет", "Καλημέρα", "你好"])
def test_letters_of_other_alphabets_are_inked_and_differ(text: str) -> None:
    assert not np.array_equal(written(Overlay(name=text))[0], written(Overlay(name="????"))[0])


@pytest.mark.parametrize(("photo", "label"), [(True, True), (True, False), (False, True)])
def test_who_was_made_of_a_person_says_so_unless_told_not_to(tmp_path: Path, photo: bool, label: bool) -> None:
    files = generate.avatar_files(**({"photo": True} if photo else {}))
    files["card.toml"] += (
        b'\n[consent]\nby = "Ada"\npurpose = "the lobby"\ngiven = 2026-01-01\nuntil = 2999-01-01\n' if photo else b""
    )
    pack = generate.pack(files, tmp_path / "x.avatar")
    with_it, without = (load_avatar(pack, ai_label=wanted).frames for wanted in (label, False))
    assert np.array_equal(with_it, without) != (photo and label)


def test_the_name_plate_is_the_owners(tmp_path: Path) -> None:
    pack = generate.pack(generate.avatar_files(), tmp_path / "x.avatar")
    net = generate.HERE / "grey_mouth.onnx"
    pictures: list[np.ndarray] = []
    for name in ("", "Åsa"):
        renderer = FaceRenderer(net, pack, dataclasses.replace(FaceConfig(), name_plate=name))
        renderer.load()
        pictures.append(np.array(renderer.avatar.frames[0]))
        renderer.close()
    assert not np.array_equal(*pictures)
