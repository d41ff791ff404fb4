"""The figures of a net: known lags and closures come back, and the shipped net's own are what its card says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest

pytest.importorskip("skia", reason="skia-python is not installed: it comes with the extra `train`")

from appliance.face.training import measure, pack
from appliance.face.training.look import HOUSE, Pose
from appliance.face.training.rig import REST, Portrait
from appliance.face.training.speech import SENTENCES
from appliance.face.training.view import FACE

SHIPPED = Path(__file__).parents[3] / "models" / "face"


def curve() -> np.ndarray:
    """An aperture that opens and closes, with silence around it."""
    inner = 0.4 + 0.4 * np.sin(np.arange(120) * 0.7 + np.sin(np.arange(120) * 0.2))
    return np.concatenate([np.zeros(10), np.clip(inner, 0, 1), np.zeros(10)]).astype(np.float32)


def test_a_perfect_net_has_perfect_figures() -> None:
    found = measure.figures([(curve(), curve())])
    assert found.correlation == pytest.approx(1)
    assert found.ratio == pytest.approx(1)
    assert found.lag_frames == pytest.approx(0, abs=0.05)
    assert found.closed_f1 == 1
    assert found.over_closed == 0
    assert found.silence == 0


@pytest.mark.parametrize("frames", [-2, 1])
def test_a_lag_comes_back(frames: int) -> None:
    found = measure.figures([(np.roll(curve(), frames), curve())])
    assert found.lag_frames == pytest.approx(frames, abs=0.2)
    assert found.correlation < 0.95


def test_a_mouth_that_never_closes_or_never_opens_scores_nothing() -> None:
    open_, closed = np.full_like(curve(), 0.5), np.zeros_like(curve())
    pick = np.random.default_rng(0).normal(0, 1e-3, len(open_)).astype(np.float32)
    assert measure.figures([(open_ + pick, curve())]).closed_f1 == 0
    shut = measure.figures([(closed + pick, curve())])
    assert shut.over_closed == 1
    assert shut.closed_f1 < 2 * shut.base_rate / (1 + shut.base_rate) + 1e-6


def test_no_held_out_sentence_was_trained_on() -> None:
    trained = {line.strip() for line in SENTENCES.read_text(encoding="utf-8").splitlines()}
    assert not trained & set(measure.HELD_OUT)


def test_the_ruler_reads_what_was_drawn() -> None:
    portrait = Portrait(HOUSE, Pose(), view=FACE)
    jaws = np.linspace(0, 1, 9)
    params = np.stack([REST] * len(jaws))
    params[:, 0] = jaws
    faces = np.stack([portrait.draw(row) for row in params])
    seen = pack.ruler(HOUSE).read(faces, np.stack([faces[0]] * len(jaws)))
    assert np.corrcoef(seen, jaws)[0, 1] > 0.97
    assert seen[0] < measure.CLOSED < measure.OPEN < seen[-1]


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_the_shipped_net_follows_sentences_it_never_heard(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure, "HELD_OUT", measure.HELD_OUT[:6])
    monkeypatch.setattr(measure, "KINDS", ("joe", "pitched"))
    onnxruntime.set_seed(9)  # the voice's noise: six sentences are few, and each time it would speak otherwise
    voice = models / "voice" / "en_US-joe-medium.onnx"
    found = measure.measure(SHIPPED / "talking-face.onnx", SHIPPED / "default.avatar", voice)
    for figures in found.values():
        assert figures.correlation > 0.8
        assert abs(figures.lag_frames) < 0.6
        assert figures.closed_f1 > 0.6 > figures.base_rate
        assert figures.over_closed < 0.1
        assert figures.silence < 0.08
