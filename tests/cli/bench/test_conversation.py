"""`appliance bench`: its options, and what it saves."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest

from appliance.cli import bench
from appliance.cli.bench import conversation, results
from appliance.evaluation.bench import Outcome
from appliance.evaluation.report import Samples, report


def _parse(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    bench.add_arguments(parser)
    return parser.parse_args(["conversation", *words])


def test_defaults() -> None:
    args = _parse()
    assert (args.turns, args.sessions, args.baseline, args.json) == (10, 1, None, False)


@pytest.mark.parametrize("words", [("--turns", "0"), ("--sessions", "-1"), ("--turns", "many"), ("--baseline", "x")])
def test_wrong_options_are_usage_errors(words: tuple[str, str]) -> None:
    with pytest.raises(SystemExit) as caught:
        _parse(*words)
    assert caught.value.code == 2


def test_every_measurement_is_saved_with_the_machine_it_was_made_on(tmp_path: Path) -> None:
    outcome = Outcome(Samples(1, mouth_to_ear_ms=[700.0]), Samples(1, mouth_to_ear_ms=[1400.0]), "")
    figures = report(outcome.box, outcome.baseline, 1)
    path = results.save(tmp_path / "new", "conversation", figures, {"stock": [1400.0]}, "<svg/>")
    saved = json.loads(path.read_text())
    assert saved["machine"]["cores"] >= 1
    assert saved["figures"]["ratio"] == {"mouth_to_ear_p50": 0.5}
    assert saved["measured"] == {"stock": [1400.0]}
    assert path.with_suffix(".svg").read_text() == "<svg/>"


def test_a_late_microphone_and_errors_are_told() -> None:
    outcome = Outcome(Samples(1, errors=["no answer"], microphone_late_ms=[3.0, 80.4]), None, "the log")
    remarks = list(conversation._remarks(outcome))
    assert remarks[0] == "box: no answer"
    assert "80 ms late" in remarks[1]
    assert remarks[2].endswith("the log")
