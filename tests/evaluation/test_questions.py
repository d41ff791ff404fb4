"""What is asked: the recordings of a folder, or the persona's own questions, spoken."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from appliance.errors import MediaError
from appliance.evaluation.questions import choose, mixed, of_folder, of_persona, rotated, short
from appliance.evaluation.timeline import RATE_HZ
from appliance.personas.persona import load
from tests.evaluation.test_microphone import write


def test_a_folder_is_read_by_name(tmp_path: Path) -> None:
    for name in ("b.wav", "a.wav"):
        write(tmp_path / name, np.full(1000, 5000), 16_000)
    (tmp_path / "references.tsv").write_text("a\tHELLO")
    assert [recording.name for recording in of_folder(tmp_path)] == ["a", "b"]


def test_an_empty_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(MediaError) as caught:
        of_folder(tmp_path)
    assert caught.value.code == "not-found"


@pytest.mark.parametrize("name", ["host", "clinic"])
def test_chosen_questions_have_answers_that_can_be_interrupted(name: str) -> None:
    persona = load(name)
    chosen = choose(persona, 12)
    assert len(set(chosen)) == 12
    answers = {question: entry.answer for entry in persona.entries for question in entry.questions}
    assert all(len(answers[question]) >= 110 for question in chosen)


def test_visitors_begin_with_different_questions(tmp_path: Path) -> None:
    for name in "abc":
        write(tmp_path / f"{name}.wav", np.full(1000, 5000), 16_000)
    recordings = of_folder(tmp_path)
    assert [r.name for r in rotated(recordings, 1)] == ["b", "c", "a"]
    assert [r.name for r in rotated(recordings, 5)] == ["c", "a", "b"]


def test_recordings_and_spoken_questions_alternate(tmp_path: Path) -> None:
    for name in ("a1", "a2", "b1", "b2", "b3", "b4"):
        write(tmp_path / f"{name}.wav", np.full(1000, 5000), 16_000)
    recordings = of_folder(tmp_path)
    assert [r.name for r in mixed(recordings[:2], recordings[2:])] == ["b1", "a1", "b2", "b3", "a2", "b4"]
    assert mixed([], recordings) == recordings


@pytest.mark.slow
def test_questions_are_spoken_once_and_kept(models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    voice = next((models / "voice").glob("*.onnx"))
    monkeypatch.setenv("APPLIANCE_HOME", str(tmp_path))
    (recording,) = of_persona(load("host"), voice, 1)
    assert 0.5 < len(recording.pcm) / RATE_HZ < 10
    (kept,) = (tmp_path / "questions").iterdir()
    written_ns = kept.stat().st_mtime_ns
    (again,) = of_persona(load("host"), voice, 1)
    assert np.array_equal(recording.pcm, again.pcm)
    assert kept.stat().st_mtime_ns == written_ns


@pytest.mark.slow
@pytest.mark.parametrize("name", ["host", "clinic"])
def test_the_short_question_is_said_in_a_breath(name: str, models: Path) -> None:
    recording = short(load(name), next((models / "voice").glob("*.onnx")))
    assert len(recording.name.split()) == 9
    assert 0.8 < len(recording.pcm) / RATE_HZ < 3
