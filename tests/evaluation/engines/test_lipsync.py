"""How well lips follow: perfect ones score so, late or idle ones do not, and the shipped face does as it is told."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from appliance.bundles.verify import files
from appliance.config import load
from appliance.errors import AvatarError, MediaError
from appliance.evaluation.engines.lipsync import HELD_OUT, Line, Plan, Samples, lines_of, measure
from tests.models import generate

WANTED = np.concatenate([np.zeros(10), np.clip(0.4 + 0.5 * np.sin(np.arange(100) * 0.7), 0, 1), np.zeros(10)])


def line(read: np.ndarray, offset_ms: float = 0.0) -> Line:
    silent = [True] * 10 + [False] * 100 + [True] * 10
    return Line("words", WANTED.tolist(), read.tolist(), silent, offset_ms, [0.5] * len(WANTED))


def test_lips_that_do_what_they_should_score_so() -> None:
    found = Samples([line(WANTED)]).figures()
    assert found["closure_f1"] == found["aperture_correlation"] == found["silence_closed"] == 1
    assert 0.1 < found["closure_base_rate"] < 0.5
    assert found["flicker"] == 0
    assert found["seam"] == 0.5
    assert found["lse_c"] is None, "not measured, and said so"


def test_each_of_several_voices_has_its_own_figures() -> None:
    late = [dataclasses.replace(line(WANTED, ms), voice=voice) for ms, voice in ((0.0, "a"), (40.0, "b"), (60.0, "b"))]
    found = Samples(late).figures()
    assert found["abs_offset_ms"] == 40
    assert {voice: own["abs_offset_ms"] for voice, own in found["voices"].items()} == {"a": 0, "b": 50}
    assert Samples([line(WANTED)]).figures()["voices"] == {}, "where it is one, its figures are all"


def test_lips_that_do_something_else_do_not() -> None:
    restless = np.abs(np.random.default_rng(1).normal(0.3, 0.2, len(WANTED)))
    found = Samples([line(restless, 80.0), line(restless, -40.0)]).figures()
    assert found["abs_offset_ms"] == 60
    assert found["closure_f1"] < 0.5
    assert found["aperture_correlation"] < 0.3
    assert found["silence_closed"] < 0.5
    assert found["flicker"] > 0.2


def test_a_mouth_that_stays_closed_scores_no_more_than_chance() -> None:
    found = Samples([line(0.001 * np.arange(len(WANTED)) / len(WANTED))]).figures()
    base = found["closure_base_rate"]
    assert found["closure_f1"] == pytest.approx(2 * base / (1 + base), abs=0.01)


def test_sentences_are_read_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "lines.txt"
    file.write_text("One.\n\n  Two. \n")
    assert lines_of(file) == ["One.", "Two."]
    for text in ("\n", None):
        if text is None:
            file.unlink()
        else:
            file.write_text(text)
        with pytest.raises(MediaError) as caught:
            lines_of(file)
        assert caught.value.code == "not-found"


@pytest.mark.slow
async def test_the_shipped_face_follows_its_voice(models: Path) -> None:
    config, paths = load().config, files(load().config.models.manifest)
    sentences = lines_of(HELD_OUT)[:3]
    told = (await measure(config, paths, Plan(sentences), lambda _: None)).figures()
    assert told["abs_offset_ms"] <= 20
    assert told["aperture_correlation"] >= 0.95
    assert told["silence_closed"] >= 0.98
    assert told["closure_f1"] >= 0.85
    heard = (await measure(config, paths, Plan(sentences, mel_only=True), lambda _: None)).figures()
    assert heard["aperture_correlation"] < told["aperture_correlation"], "what is told is better than what is heard"


@pytest.mark.slow
async def test_an_avatar_whose_lips_cannot_be_measured_is_told_so(models: Path) -> None:
    config = load().config
    face = dataclasses.replace(config.face, avatar=str(generate.HERE / "tiny.avatar"))
    plan = Plan(["One."])
    with pytest.raises(AvatarError) as caught:
        await measure(dataclasses.replace(config, face=face), files(config.models.manifest), plan, lambda _: None)
    assert caught.value.code == "no-ruler"
