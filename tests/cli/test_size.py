"""`appliance size`: what it prints and keeps; (slow) the measurement itself with the real models."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from appliance import capacity
from appliance.cli import size as command
from appliance.cli.main import main
from appliance.config import Config
from appliance.evaluation import size as measuring
from appliance.evaluation.headroom import Cost, Costs, headroom
from appliance.evaluation.size import Figures, Size

COSTS = Costs(
    cores=2,
    conversations=16,
    turn_ends_s=0.5,
    head_start_s=0.38,
    answer_s=0.35,
    face=Cost(0.007, 0.007),
    idle=Cost(0.0003, 0.0003),
    encode_cpu_s=0.003,
    ears=Cost(0.1, 0.2),
    mind=Cost(0.3, 0.6),
    voice=Cost(0.06, 0.06),
    vigilance_cpu_s=0.02,
)
FIGURES = Figures(
    face_fps=142.9,
    idle_fps=3300,
    stt_per_s=10.0,
    stt_ms=110.0,
    llm_tokens_per_s={"1": 120.0, "8": 210.0},
    llm_first_token_ms=90.0,
    tts_rtf=0.06,
    tts_first_audio_ms=60.0,
    encode_fps=333,
    vigilance=0.02,
)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("APPLIANCE_HOME", str(tmp_path))
    return tmp_path


def played(monkeypatch: pytest.MonkeyPatch, costs: Costs = COSTS) -> None:
    async def measure(*_: Any, **__: Any) -> Size:
        return Size(FIGURES, costs, headroom(costs, 25))

    monkeypatch.setattr(measuring, "measure", measure)


def test_it_is_kept_for_the_box(
    monkeypatch: pytest.MonkeyPatch, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    played(monkeypatch)
    assert main(["size", "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    kept = capacity.read(Config())
    assert kept is not None
    assert kept == headroom(COSTS, 25).capacity
    assert (figures["speaking"], figures["connected"]) == (kept.speaking, kept.connected)
    assert figures["written"] == str(home / "capacity.json")
    assert figures["llm_tokens_per_s"] == {"1": 120.0, "8": 210.0}
    assert figures["ladder"][0] == {"step": "25", "visitors": kept.speaking, "next_lacks": "cores"}


def test_it_is_not_kept_unless_wanted(
    monkeypatch: pytest.MonkeyPatch, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    played(monkeypatch)
    assert main(["size", "--no-write"]) == 0
    assert not list(home.iterdir())
    assert "Kept in" not in capsys.readouterr().out


def test_people_get_a_table_and_a_sentence(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    played(monkeypatch)
    assert main(["size"]) == 0
    out = capsys.readouterr().out
    kept = headroom(COSTS, 25).capacity
    assert f"This machine serves {kept.speaking} who talk at the same time at 25 pictures a second" in out
    assert f"and up to {kept.connected} with fewer" in out
    assert "143 pictures a second" in out
    assert "estimated" in out
    assert max(len(line) for line in out.splitlines()[:-1]) <= 120


@pytest.mark.parametrize(
    ("costs", "words"),
    [
        (replace(COSTS, voice=Cost(2.0, 2.0)), "too slow for 25 pictures a second; it serves 1 in all"),
        (replace(COSTS, cores=64, conversations=2), "serves 2 at 25 pictures a second; one more waits"),
    ],
)
def test_the_sentence_says_what_the_machine_cannot(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], costs: Costs, words: str
) -> None:
    played(monkeypatch, costs)
    assert main(["size"]) == 0
    assert words in capsys.readouterr().out


def test_every_want_has_words() -> None:
    assert set(command._LACKS) == {"cores", "face", "ears", "mind", "voice", "answer", "conversations"}


@pytest.mark.slow
def test_the_real_engines_are_measured(
    models: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("APPLIANCE_HOME", str(models.parent))
    monkeypatch.setattr(capacity, "path", lambda: tmp_path / "capacity.json")
    assert main(["size", "--quick", "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["connected"] >= max(1, figures["speaking"])
    for name in ("face_fps", "idle_fps", "stt_per_s", "llm_first_token_ms", "tts_rtf", "encode_fps", "vigilance"):
        assert figures[name] > 0, name
    assert figures["llm_tokens_per_s"]["8"] > figures["llm_tokens_per_s"]["1"] > 0
    assert figures["idle_fps"] > figures["face_fps"]
    assert json.loads((tmp_path / "capacity.json").read_text())["rungs"]
