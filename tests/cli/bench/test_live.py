"""`appliance bench interruption|sync|capacity|churn`: their options, and what they make of what was measured."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from appliance.cli import bench
from appliance.evaluation import capacity, churn, interruption, sync

USED = churn.Usage(500.0, 300.0, 40, 80)


def parsed(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    bench.add_arguments(parser)
    return parser.parse_args(list(words))


def measured(found: object) -> Callable[..., Coroutine[Any, Any, Any]]:
    async def measure(*_: object) -> Any:
        return found

    return measure


@pytest.mark.parametrize(
    "words",
    [
        ("interruption", "--interruptions", "0"),
        ("interruption", "--baseline", "other"),
        ("sync", "--minutes", "long"),
        ("capacity", "--visitors-max", "0"),
        ("churn", "--visits", "-3"),
    ],
)
def test_wrong_options_are_usage_errors(words: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit) as caught:
        parsed(*words)
    assert caught.value.code == 2


def test_defaults_are_the_full_measurements() -> None:
    assert parsed("sync").minutes == 30
    assert parsed("churn").visits == 100
    assert parsed("capacity").visitors_max >= 10
    assert parsed("interruption").sounds is None


@pytest.mark.parametrize(
    "case",
    [
        (
            "interruption",
            interruption,
            {"box": interruption.Samples([200.0], [300.0], [("cough", True)])},
            ["silence_ms", "closed_mouth_ms", "false_interruptions"],
        ),
        ("sync", sync, sync.Samples(60.0, 3, [(0.0, 10.0), (0.5, 12.0)]), ["offset_ms", "drift_ms", "minutes"]),
        (
            "capacity",
            capacity,
            capacity.Samples([capacity.Level("together", 1, [25, 25], [500.0])], [12.0]),
            ["speaking", "connected", "turn_ms", "errors", "refusal_ms", "isolation_leaks"],
        ),
        (
            "churn",
            churn,
            churn.Samples(USED, [USED, USED, USED, USED], USED, USED),
            ["visits", "mib_per_visit", "threads_delta", "descriptors_delta"],
        ),
    ],
)
def test_figures_are_printed_and_saved_with_every_measurement(
    case: tuple[str, Any, object, list[str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    what, module, found, keys = case
    monkeypatch.setattr(module, "measure", measured(found))
    assert bench.run(parsed(what, "--quick", "--json", "--save", str(tmp_path))) == 0
    printed = json.loads(capsys.readouterr().out)
    assert set(keys) <= set(printed)
    path = next(tmp_path.glob(f"{what}-*.json"))
    assert json.loads(path.read_text())["figures"] == printed
    assert "<circle" in path.with_suffix(".svg").read_text()
    assert bench.run(parsed(what)) == 0
    assert keys[0].split("_")[0] in capsys.readouterr().out


@pytest.mark.parametrize(
    ("what", "module", "found"),
    [
        ("interruption", interruption, {"box": interruption.Samples(errors=["no answer"])}),
        ("sync", sync, sync.Samples(errors=["no answer"])),
        ("capacity", capacity, capacity.Samples(leaks=["visitor 0 heard visitor 1"])),
        ("churn", churn, churn.Samples(USED, [USED], USED, USED, ["refused"])),
    ],
)
def test_errors_are_told_and_end_with_status_1(
    what: str, module: Any, found: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(module, "measure", measured(found))
    assert bench.run(parsed(what, "--quick")) == 1
    told = capsys.readouterr().err
    assert any(word in told for word in ("no answer", "refused", "heard visitor 1"))
