"""SyncNet looks at the finished pictures and listens to the clean voice, at the one rate it knows."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from appliance.errors import AvatarError, MediaError
from appliance.evaluation.engines import syncnet
from appliance.evaluation.engines.lip_speech import Spoken
from appliance.face.avatar import Avatar, load_avatar
from tests.models import generate

TORCH = importlib.util.find_spec("torch") is not None
needs_torch = pytest.mark.skipif(not TORCH, reason="torch comes with the extra train")


@pytest.fixture
def avatar() -> Avatar:
    return load_avatar(generate.HERE / "tiny.avatar")


@needs_torch
def test_it_judges_an_utterance_and_not_a_syllable(avatar: Avatar) -> None:
    from appliance.face.training.syncnet import SyncNet

    pick = np.random.default_rng(4)
    size = avatar.width * avatar.height * 3 // 2
    pictures = [pick.integers(0, 255, size, np.uint8).tobytes() for _ in range(20)]
    spoken = Spoken("words", pick.integers(-9000, 9000, 22_050 * 20 // 25, np.int16), 22_050, [])
    judge = syncnet.Judge(avatar, SyncNet().eval())
    lse = judge.lse(pictures, [0] * 20, spoken)
    assert lse is not None
    assert lse[0] > 0 and lse[1] >= 0
    assert judge.lse(pictures[:10], [0] * 10, spoken) is None


@needs_torch
def test_another_rate_and_a_file_that_is_not_there_are_refused(avatar: Avatar, tmp_path: Path) -> None:
    for fps, code in ((30, "wrong-rate"), (25, "not-readable")):
        with pytest.raises(AvatarError) as caught:
            syncnet.of(avatar, tmp_path / "none.model", fps)
        assert caught.value.code == code


@pytest.mark.skipif(TORCH, reason="torch is installed")
def test_without_torch_it_says_what_to_install(avatar: Avatar, tmp_path: Path) -> None:
    with pytest.raises(MediaError) as caught:
        syncnet.of(avatar, tmp_path / "none.model", 25)
    assert caught.value.code == "extra-missing"
