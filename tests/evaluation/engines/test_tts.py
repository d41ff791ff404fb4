"""Measuring the voice: what is counted, and that a difference would be found."""

from __future__ import annotations

from pathlib import Path

import pytest

from appliance.config import VoiceConfig
from appliance.evaluation.engines import tts
from appliance.evaluation.engines.tts import Plan, Samples, differing, figures, measure
from appliance.voice import vits
from tests.models.vits import write_vits


def test_the_same_voice_differs_in_no_sample(tmp_path: Path) -> None:
    n_compared, n_differing = differing(write_vits(tmp_path), 1)
    assert n_compared > 500_000
    assert n_differing == 0


def test_a_differing_voice_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load = vits.load

    def narrow(file: Path, threads: int) -> vits.Model:
        model = load(file, threads)
        assert isinstance(model, vits.SplitModel)
        model._decoder[1].margin = 0
        return model

    monkeypatch.setattr(vits, "load", narrow)
    assert differing(write_vits(tmp_path), 1)[1] > 0


def test_the_systems_take_turns(tmp_path: Path) -> None:
    said: list[str] = []
    samples = measure(write_vits(tmp_path), VoiceConfig(), Plan(2, 1), said.append)
    n = 2 * len(tts.SENTENCES)
    assert len(samples.first_audio_ms) == len(samples.stock_first_audio_ms) == n
    assert len(samples.first_audio_two_threads_ms) == n
    assert len(samples.rtf) == len(tts.SENTENCES)
    assert len(samples.sentence_s) == len(tts.SENTENCES)
    assert "speaking 2 of 2" in said


def test_figures_are_medians_and_sums() -> None:
    samples = Samples([50.0, 70.0, 60.0], [40.0], [600.0], [12.0, 13.0], [0.08], [0.06], 1000, {"1": 2, "2": 1})
    assert figures(samples) == {
        "first_audio_ms": {"p50": 60.0, "p95": 69.0},
        "stock_first_audio_ms": {"p50": 600.0, "p95": 600.0},
        "two_threads_first_audio_ms": {"p50": 40.0, "p95": 40.0},
        "ratio": 0.1,
        "samples_differing": 3,
        "samples_compared": 2000,
        "rtf": 0.08,
        "stock_rtf": 0.06,
        "sentence_s": 12.5,
    }
