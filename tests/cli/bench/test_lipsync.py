"""`appliance bench lipsync`: what its options ask for."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import pytest

from appliance.cli import bench
from appliance.cli.bench import lipsync
from appliance.evaluation.engines import lip_speech
from appliance.evaluation.engines import lipsync as engine
from appliance.evaluation.engines.lipsync import Line, Plan, Samples


@pytest.fixture
def plans(monkeypatch: pytest.MonkeyPatch) -> list[Plan]:
    """What was asked for; nothing is measured."""
    asked: list[Plan] = []

    async def measure(_: object, __: object, plan: Plan, ___: object) -> Samples:
        asked.append(plan)
        still, moving = [True, False, False, True], [0.0, 0.5, 0.05, 0.0]
        return Samples([Line("One.", moving, moving, still, 0.0, [0.0] * 4, voice="flite slt")])

    monkeypatch.setattr(engine, "measure", measure)
    return asked


def _parse(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    bench.add_arguments(parser)
    return parser.parse_args(["lipsync", *words])


def test_strangers_are_shown_one_by_one(plans: list[Plan], capsys: pytest.CaptureFixture[str]) -> None:
    assert lipsync.run(_parse("--strangers", "--quick", "--json")) == 0
    assert plans[0].strangers
    assert plans[0].noise is None
    assert len(plans[0].sentences) == 4
    assert json.loads(capsys.readouterr().out)["voices"]["flite slt"]["sentences"] == 1


def test_recorded_noise_is_20_db_below_unless_it_is_said(
    plans: list[Plan], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[tuple[Any, ...]] = []
    monkeypatch.setattr(lip_speech, "Noise", lambda *given: made.append(given))
    (tmp_path / "hall.wav").write_bytes(b"")
    lipsync.run(_parse("--sounds", str(tmp_path), "--json"))
    lipsync.run(_parse("--sounds", str(tmp_path), "--noise", "12", "--json"))
    lipsync.run(_parse("--noise", "0", "--json"))
    assert made == [(20.0, [tmp_path / "hall.wav"]), (12.0, [tmp_path / "hall.wav"]), (0.0, ())]


def test_people_and_strangers_do_not_speak_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        _parse("--strangers", "--wav", "folder")
    assert "not allowed with" in capsys.readouterr().err


def test_syncnets_weights_are_the_owners_to_name(plans: list[Plan], capsys: pytest.CaptureFixture[str]) -> None:
    assert lipsync.run(_parse("--syncnet", "syncnet_v2.model")) == 0
    assert lipsync.run(_parse()) == 0
    assert [plan.syncnet for plan in plans] == [Path("syncnet_v2.model"), None]
    shown = capsys.readouterr().out.splitlines()
    assert [line.split(maxsplit=1)[1] for line in shown if line.startswith("lse_d")] == ["not measured"] * 2
