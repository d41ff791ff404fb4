"""The whole training in small: a few steps of every part, and a net out of it that the renderer's own reader takes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed: it comes with the extra `train`")
pytest.importorskip("pocketsphinx", reason="pocketsphinx is not installed: it comes with the extra `train`")
pytest.importorskip("skia", reason="skia-python is not installed: it comes with the extra `train`")

from appliance.face.listener import knows
from appliance.face.net import FaceNet
from appliance.face.training import __main__ as training
from appliance.face.training import corpus, listening, measure, pack, painting, pictures
from appliance.face.training.clips import Clip

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def test_a_few_steps_make_a_net_and_going_on_makes_another(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "COUNTS", corpus.Counts(piper=4, espeak=4, flite=4, kokoro=0))
    monkeypatch.setattr(training, "_MOUTHS", 4)
    monkeypatch.setattr(
        training, "_voices", lambda: corpus.Voices(models / "voice" / "en_US-joe-medium.onnx", tmp_path)
    )
    monkeypatch.setattr(corpus, "NOISES", 2)
    monkeypatch.setattr(listening, "NOISES", 2)
    monkeypatch.setattr(pictures, "POOL", 6)
    monkeypatch.setattr(pictures, "MOUTHS", 3)
    monkeypatch.setattr(painting, "_KEPT", 1)
    monkeypatch.setattr(pack, "CLIPS", {"idle": Clip("idle", "idle", 6)})
    monkeypatch.setattr(measure, "HELD_OUT", measure.HELD_OUT[:1])
    for part in ("sound", "pictures", "join"):
        assert training.main([part, str(tmp_path), "--minutes", "0.1"]) == 0
    net = FaceNet(tmp_path / training.NET)
    assert (net.size, net.window_offset_s) == (192, -0.08)
    assert net.mouth is not None
    picture = net.render(np.zeros((2, 1, 80, 16), np.float32), np.full((2, 6, 192, 192), 0.5, np.float32))
    assert picture.shape == (2, 3, 192, 192)
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert set(figures["net"]) == set(measure.KINDS)
    assert len(figures["listener"]) == 2 * len(measure.HEARD_KINDS), "with noise, too"
    assert knows(tmp_path / training.LISTENER, models / "ears")
    assert (tmp_path / "training.png").is_file()
    first = (tmp_path / training.NET).read_bytes()
    for part in ("sound", "pictures", "join"):
        assert training.main([part, str(tmp_path), "--minutes", "0.1", "--resume"]) == 0
    assert (tmp_path / training.NET).read_bytes() != first
