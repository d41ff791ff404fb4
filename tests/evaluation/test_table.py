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

    def run(name: str, number: int, _: object, *, with_stock: bool) -> dict[str, Any] | None:
        asked.append((name, number))
        return None if number == 2 else {"ms_per_frame": 9.0 + number, "core_share_speaking": 0.3, "stolen": 0.02}

    monkeypatch.setattr(table, "run", run)
    assert table.main(["face", "--runs", "1", "--out", str(out)]) == 0
    assert table.main(["face", "--runs", "3", "--resume", "--out", str(out)]) == 1, "one could not be measured"
    assert asked == [("face", 0), ("face", 1), ("face", 2)]
    assert len(json.loads(out.read_text())["face"]) == 2
    assert "9.5 (9 / 10)" in capsys.readouterr().out


def test_a_run_that_others_disturbed_is_made_again_and_does_not_count(
    table: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "table.json"
    stolen = [0.4, 0.02, 0.3, 0.05, 0.5, 0.6]
    baselines: list[bool] = []

    def run(_: str, number: int, __: object, *, with_stock: bool) -> dict[str, Any]:
        baselines.append(with_stock)
        return {"ms_per_frame": 20.0 if stolen[number] > 0.1 else 8.0 + number, "stolen": stolen[number]}

    monkeypatch.setattr(table, "run", run)
    assert table.main(["face", "--runs", "2", "--out", str(out)]) == 0
    assert [figures["stolen"] for figures in json.loads(out.read_text())["face"]] == stolen[:4], "and are kept"
    assert baselines == [True, False, False, False], "the baseline is asked once"
    assert "10 (9 / 11)" in capsys.readouterr().out
    stolen[:] = [0.4] * 6
    assert table.main(["face", "--runs", "1", "--repeats", "2", "--out", str(out)]) == 1
    assert "20 (20 / 20 / 20, all disturbed)" in capsys.readouterr().out


def test_a_figure_that_was_measured_on_a_disturbed_machine_alone_says_so(table: ModuleType) -> None:
    measured = {
        "conversation": [
            {"mouth_to_ear_ms": {"p50": 1100}, "ratio": {"mouth_to_ear_p50": 0.3}, "stolen": 0.25},
            {"mouth_to_ear_ms": {"p50": 700}, "stolen": 0.01},
        ]
    }
    rows = {figure: (values, kept) for figure, values, _, kept in table.rows(measured)}
    assert rows["conversation mouth_to_ear_ms p50"] == ("700 (700)", True)
    assert rows["conversation ratio mouth_to_ear_p50"] == ("0.3 (0.3, all disturbed)", True)


def test_what_the_host_took_is_a_share_of_what_was_wanted(
    table: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    processors = tmp_path / "stat"
    monkeypatch.setattr(table, "_PROCESSORS", processors)
    processors.write_text("cpu  100 0 50 9000 30 0 10 20 0 0\ncpu0 1 2 3\n")
    before = table.ticks()
    processors.write_text("cpu  160 0 60 9500 30 0 10 30 0 0\ncpu0 1 2 3\n")
    assert table.stolen(before, table.ticks()) == 0.125
    assert table.stolen(before, before) == 0.0


def test_a_run_waits_for_the_host_as_long_as_it_may(
    table: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now, taken = [0.0], iter([0, 40, 0, 40, 0, 0])

    def monotonic() -> float:
        now[0] += 1.0
        return now[0]

    monkeypatch.setattr(table.time, "monotonic", monotonic)
    monkeypatch.setattr(table.time, "sleep", lambda seconds: now.__setitem__(0, now[0] + seconds))
    monkeypatch.setattr(table, "ticks", lambda: (100, next(taken)))
    monkeypatch.setattr(table, "stolen", lambda before, after: (after[1] - before[1]) / 100)
    table.wait_for_quiet(5)
    assert capsys.readouterr().out.count("others take 40%") == 2, "the third look finds it quiet"
    taken = iter([0, 40] * 20)
    table.wait_for_quiet(1)
    assert capsys.readouterr().out.count("waiting") == 3, "a minute is over"
    table.wait_for_quiet(0)
    assert not capsys.readouterr().out


def test_a_question_that_nobody_asks_is_refused(table: ModuleType) -> None:
    with pytest.raises(SystemExit):
        table.main(["weather"])
