"""The table of all questions: medians beside what is promised, and what is missing."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

PATH = Path(__file__).resolve().parents[2] / "benchmarks" / "table.py"


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location("table", PATH)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "table", module)
    spec.loader.exec_module(module)
    return module


def test_the_median_is_held_against_its_bound(table: ModuleType) -> None:
    measured = {
        "face": [{"ms_per_frame": ms, "core_share_speaking": 0.4} for ms in (8.1, 30.0, 7.9)],
        "capacity": [{"speaking": 2, "connected": 10, "errors": 0}],
        "sync": [{"offset_ms": {"p95_abs": 22}, "drift_ms": -7.5}],
    }
    rows = {figure: (values, kept) for figure, values, _, kept in table.rows(measured)}
    assert rows["face ms_per_frame"] == ("8.1 (8.1 / 30 / 7.9)", True)
    assert rows["face core_share_speaking"][1]
    assert not rows["capacity speaking"][1]
    assert not rows["sync drift_ms"][1], "a drift is one in either direction"
    assert "capacity refusal_ms" not in rows, "what was not measured is no figure"


def test_what_was_measured_is_kept_and_the_rest_is_measured(
    table: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "table.json"
    asked: list[tuple[str, int]] = []

    def run(name: str, number: int, _: object) -> dict[str, Any] | None:
        asked.append((name, number))
        return None if number == 2 else {"ms_per_frame": 9.0 + number, "core_share_speaking": 0.3}

    monkeypatch.setattr(table, "runs", run)
    assert table.main(["face", "--runs", "1", "--out", str(out)]) == 0
    assert table.main(["face", "--runs", "3", "--resume", "--out", str(out)]) == 1, "one could not be measured"
    assert asked == [("face", 0), ("face", 1), ("face", 2)]
    assert len(json.loads(out.read_text())["face"]) == 2
    assert "9.5 (9 / 10)" in capsys.readouterr().out


def test_a_question_that_nobody_asks_is_refused(table: ModuleType) -> None:
    with pytest.raises(SystemExit):
        table.main(["weather"])
