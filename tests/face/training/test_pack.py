"""A drawn presenter becomes an avatar pack that the renderer's own reader takes."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("skia", reason="skia-python is not installed: it comes with the extra `train`")

from appliance.face.avatar import load_avatar
from appliance.face.training import pack
from appliance.face.training.clips import Clip
from appliance.face.training.look import HOUSE
from appliance.face.training.view import CROP


@pytest.fixture
def few_clips(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pack, "CLIPS", {name: Clip(name, name, 4) for name in ("idle", "nod")})


@pytest.mark.usefixtures("few_clips")
def test_a_pack_is_read_back_and_is_the_same_twice(tmp_path: Path) -> None:
    first = pack.build(tmp_path / "first.avatar", HOUSE, name="sam", net="net.onnx")
    second = pack.build(tmp_path / "second.avatar", HOUSE, name="sam", net="net.onnx")
    assert first.read_bytes() == second.read_bytes()
    avatar = load_avatar(first)
    assert (avatar.width, avatar.height, len(avatar.frames)) == (512, 512, 8)
    assert [(clip.name, clip.kind, clip.first, clip.frames) for clip in avatar.card.clips] == [
        ("idle", "idle", 0, 4),
        ("nod", "nod", 4, 4),
    ]
    assert all(0 in clip.exits for clip in avatar.card.clips)
    assert tuple(avatar.boxes[0]) == CROP
