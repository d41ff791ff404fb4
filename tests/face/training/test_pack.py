"""A drawn presenter becomes an avatar pack that the renderer's own reader takes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("skia", reason="skia-python is not installed: it comes with the extra `train`")

from appliance.face.avatar import load_avatar
from appliance.face.training import pack
from appliance.face.training.look import HOUSE
from appliance.face.training.rig import CROP

FRAMES = 6


@pytest.fixture
def short_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pack, "LOOP", FRAMES)


@pytest.mark.usefixtures("short_loop")
def test_a_pack_is_read_back_and_is_the_same_twice(tmp_path: Path) -> None:
    first = pack.build(tmp_path / "first.avatar", HOUSE, name="sam", net="net.onnx")
    second = pack.build(tmp_path / "second.avatar", HOUSE, name="sam", net="net.onnx")
    assert first.read_bytes() == second.read_bytes()
    avatar = load_avatar(first)
    assert (avatar.width, avatar.height, len(avatar.frames)) == (512, 512, FRAMES)
    assert tuple(avatar.boxes[0]) == CROP


def test_the_mask_covers_mouth_and_chin_and_fades() -> None:
    mask = pack.feathered(192)
    assert mask[:96].max() == 0, "nothing above the middle is moved"
    assert mask[130, 96] == 255
    assert mask[:, 0].max() == 0
    assert mask[-1].max() == 0
    assert np.abs(np.diff(mask.astype(int), axis=1)).max() < 40


def test_a_contact_sheet_lays_pictures_side_by_side() -> None:
    pictures = [np.full((4, 6, 3), shade, np.uint8) for shade in (10, 20, 30)]
    sheet = pack.contact_sheet(pictures, columns=2, convert=lambda picture: picture + 1)
    assert sheet.shape == (8, 12, 3)
    assert sheet[0, 0, 0] == 11
    assert sheet[5, 1, 0] == 31
    assert sheet[5, 7, 0] == 0
