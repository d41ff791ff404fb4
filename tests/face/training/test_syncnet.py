"""SyncNet's measure: features as published ones are made, the shift that fits found, other files refused."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from appliance.errors import AvatarError

pytest.importorskip("torch", reason="torch comes with the extra train")

import torch

from appliance.face.training import syncnet


def _saved(path: Path, weights: object) -> str:
    torch.save(weights, path)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_cepstra_are_those_that_it_learned_with() -> None:
    times_s = np.arange(8000) / 16_000
    pcm = (np.sin(2 * np.pi * (200 + 900 * times_s) * times_s) * 9000).astype(np.int16)
    rows = syncnet.cepstra(pcm)
    assert rows.shape == (49, 13)
    # What python_speech_features 0.6 makes of the same sound.
    assert rows[7, :5] == pytest.approx(PUBLISHED[7], abs=1e-3)
    assert rows[48, :5] == pytest.approx(PUBLISHED[48], abs=1e-3)
    assert syncnet.cepstra(pcm[:100]).shape == (1, 13)


PUBLISHED = {7: [18.8699, 24.1990, 11.5735, -0.3705, -12.3067], 48: [20.8380, 13.2811, -23.3171, -29.8780, -1.9441]}


def test_sound_that_comes_later_is_found_by_as_much() -> None:
    heard = np.random.default_rng(1).normal(size=(60, 1024)).astype(np.float32)
    found = syncnet.apart(heard, heard)
    assert found.offset_frames == 0
    assert found.distance < 0.01
    assert found.confidence > 30
    assert syncnet.apart(heard[4:], heard[:-4]).offset_frames == -4, "lips before their sound"
    assert syncnet.apart(heard[:-4], heard[4:]).offset_frames == 4
    other = np.random.default_rng(2).normal(size=(60, 1024)).astype(np.float32)
    assert syncnet.apart(other, heard).confidence < 5


def test_the_crop_is_the_face_with_room_below() -> None:
    picture = np.zeros((512, 512, 3), np.uint8)
    picture[126:318, 160:352] = 200
    cut = syncnet.face(picture, (160, 126, 192))
    assert cut.shape == (224, 224, 3)
    # Half of the box is 96: 38 to each side, 77 below, nothing above.
    assert cut[0, 112, 0] == 200 and cut[112, 10, 0] == 0 and cut[112, 40, 0] == 200 and cut[200, 112, 0] == 0
    assert syncnet.face(picture, (400, 400, 192))[223, 223].tolist() == [110] * 3, "outside the picture it is grey"


def test_a_net_of_that_shape_is_opened_and_judges(tmp_path: Path) -> None:
    torch.manual_seed(1)
    path = tmp_path / "syncnet_v2.model"
    sha256 = _saved(path, syncnet.SyncNet().state_dict())
    net = syncnet.load(path, sha256=sha256)
    pick = np.random.default_rng(1)
    faces, pcm = pick.integers(0, 255, (20, 224, 224, 3), np.uint8), pick.integers(-9000, 9000, 20 * 640, np.int16)
    found = syncnet.measured(net, faces, pcm)
    assert found is not None
    assert found.distance > 0 and found.confidence >= 0
    assert syncnet.measured(net, faces[:12], pcm) is None, "too short to tell"


def test_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "syncnet_v2.model"
    with pytest.raises(AvatarError, match="cannot be read") as caught:
        syncnet.load(path)
    assert caught.value.code == "not-readable"
    sha256 = _saved(path, {"netcnnaud.0.weight": torch.zeros(1)})
    with pytest.raises(AvatarError, match="published file") as caught:
        syncnet.load(path)
    assert caught.value.code == "wrong-weights"
    with pytest.raises(AvatarError) as caught:
        syncnet.load(path, sha256=sha256)
    assert caught.value.code == "not-readable"
