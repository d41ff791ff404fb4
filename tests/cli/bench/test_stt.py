"""`appliance bench stt`: its options, and what it prints and saves of given measurements."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from appliance.cli import bench
from appliance.cli.bench import stt
from appliance.evaluation.clips import Clip
from appliance.evaluation.engines.stt import Heard


class _Engine:
    def __init__(self, *_: object) -> None:
        self._loaded = False

    @property
    def runs_on(self) -> tuple[str, str]:
        assert self._loaded
        return ("cpu", "int8")

    def load(self) -> None:
        self._loaded = True

    def warm_up(self) -> None: ...

    def close(self) -> None:
        self._loaded = False


def _parse(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    bench.add_arguments(parser)
    return parser.parse_args(["stt", *words])


@pytest.fixture
def rounds(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How often everything is heard, in place of hearing it."""
    made: list[int] = []

    def measure(_clips: Any, _systems: Any, n: int, _progress: Any) -> dict[str, Heard]:
        made.append(n)
        return {"ours": Heard({"a": [50.0]}, {"a": "yes"}), "stock": Heard({"a": [200.0]}, {"a": "no"})}

    one = [Clip("a", np.zeros(1600, np.float32), "YES")]
    monkeypatch.setattr("appliance.evaluation.engines.stt.measure", measure)
    monkeypatch.setattr("appliance.evaluation.engines.stt.stock", lambda *_: None)
    monkeypatch.setattr("appliance.evaluation.clips.of_folder", lambda _: one)
    monkeypatch.setattr("appliance.evaluation.engines.stt.of_persona", lambda *_: one)
    monkeypatch.setattr("appliance.ears.whisper.WhisperEngine", _Engine)
    monkeypatch.setattr("appliance.bundles.verify.files", lambda _: {"ears": Path(), "voice": Path()})
    return made


def test_figures_are_printed_and_every_measurement_is_saved(
    rounds: list[int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert stt.run(_parse("--json", "--clips", str(tmp_path), "--save", str(tmp_path / "new"))) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["ratio"] == 0.25
    assert printed["wer"] == {"ours": 0.0, "stock": 1.0}
    assert printed["final_ms"] == {"p50": 50.0, "p95": 50.0}
    assert printed["source"] == "recordings"
    saved = json.loads(next((tmp_path / "new").glob("stt-*.json")).read_text())
    assert saved["measured"]["stock"] == {"ms": {"a": [200.0]}, "words": {"a": "no"}}
    assert "ours" in next((tmp_path / "new").glob("stt-*.svg")).read_text()
    assert rounds == [15]


def test_without_recordings_the_box_asks_itself(
    rounds: list[int], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(stt, "_RECORDINGS", tmp_path / "none")
    assert stt.run(_parse("--quick")) == 0
    assert "spoken by the box" in capsys.readouterr().out
    assert rounds == [5]
