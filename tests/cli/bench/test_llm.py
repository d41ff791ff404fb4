"""`appliance bench llm`: its options, and what it prints and saves of given measurements."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import pytest

from appliance.cli import bench
from appliance.cli.bench import llm
from appliance.evaluation.engines.llm import Plan, Samples


def _parse(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    bench.add_arguments(parser)
    return parser.parse_args(["llm", *words])


@pytest.fixture
def plans(monkeypatch: pytest.MonkeyPatch) -> list[Plan]:
    """What is measured, in place of measuring it."""
    made: list[Plan] = []

    async def measure(_persona: Any, _files: Any, _config: Any, plan: Plan, _progress: Any) -> Samples:
        made.append(plan)
        return Samples("", 400, [100.0], [400.0], [500], [490], [0], {1: [50.0], 16: [100.0]}, [20.0], [30.0], [300.0])

    monkeypatch.setattr("appliance.evaluation.engines.llm.measure", measure)
    monkeypatch.setattr("appliance.bundles.verify.files", lambda _manifest: {})
    return made


def test_figures_are_printed_and_every_measurement_is_saved(
    plans: list[Plan], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert llm.run(_parse("--json", "--turns", "5", "--save", str(tmp_path))) == 0
    assert plans == [Plan(visitors=3, turns=5)]
    printed = json.loads(capsys.readouterr().out)
    assert printed["ratio"] == 0.25
    assert printed["prefix_reuse"] == 0.98
    saved = json.loads(next(tmp_path.glob("llm-*.json")).read_text())
    assert saved["figures"] == printed
    assert saved["measured"]["stock_first_token_ms"] == [400.0]
    assert "</svg>" in next(tmp_path.glob("llm-*.svg")).read_text()


def test_quick_is_smaller_in_everything(plans: list[Plan]) -> None:
    llm.run(_parse("--quick"))
    whole = Plan()
    (quick,) = plans
    assert quick.visitors >= 2
    assert quick.turns >= 6
    assert quick.cancels < whole.cancels
    assert quick.words < whole.words


@pytest.mark.parametrize("words", [("--turns", "0"), ("--visitors", "none"), ("--baseline", "stock")])
def test_wrong_options_are_usage_errors(words: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit) as caught:
        _parse(*words)
    assert caught.value.code == 2
