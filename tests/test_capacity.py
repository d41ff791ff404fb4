"""What was measured of the machine: kept, read again, and not believed on another machine."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from appliance import capacity
from appliance.capacity import Capacity, fingerprint, in_force, read, write
from appliance.config import Config, FaceConfig
from appliance.errors import ConfigurationError
from appliance.ladder import STILL, Rung, Step

MEASURED = Capacity((Rung(Step(25), 3), Rung(Step(15), 5), Rung(Step(10), 6), Rung(STILL, 11)))


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    # Model manifests name files in the cache, which APPLIANCE_HOME moves as well; none of them is opened.
    monkeypatch.setenv("APPLIANCE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def numbers(in_force: Capacity) -> dict[str, int]:
    return {rung.step.name: rung.visitors for rung in in_force.rungs}


def test_it_is_read_as_it_was_written(home: Path) -> None:
    assert write(MEASURED, fingerprint(Config()), {"tts_rtf": 0.1}) == home / "capacity.json"
    assert read(Config()) == MEASURED
    assert json.loads((home / "capacity.json").read_text())["figures"] == {"tts_rtf": 0.1}
    assert [path.name for path in home.iterdir()] == ["capacity.json"]


def test_its_place_without_a_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("APPLIANCE_HOME")
    monkeypatch.setenv("XDG_STATE_HOME", "/state")
    assert capacity.path() == Path("/state/appliance/capacity.json")
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setenv("HOME", "/home/somebody")
    assert capacity.path() == Path("/home/somebody/.local/state/appliance/capacity.json")


def test_a_machine_that_was_not_measured_is_no_trouble(caplog: pytest.LogCaptureFixture) -> None:
    assert read(Config()) is None
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


@pytest.mark.parametrize("change", [{"cpu": "another"}, {"cores": 512}, {"gpu": "another"}, {"models": "0" * 64}])
def test_figures_of_another_machine_are_not_believed(change: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    write(MEASURED, replace(fingerprint(Config()), **change), {})
    assert read(Config()) is None
    assert "appliance size" in caplog.text
    assert caplog.records[-1].__dict__["changed"] == list(change)


@pytest.mark.parametrize("face", [FaceConfig(fps=20), FaceConfig(avatar="/mine.npz")])
def test_figures_of_another_face_are_not_believed(face: FaceConfig) -> None:
    write(MEASURED, fingerprint(Config()), {})
    assert read(Config(face=face)) is None


@pytest.mark.parametrize(
    "change",
    [
        {"format": 2},
        {"rungs": []},
        {"rungs": [{"fps": 25, "still": False, "visitors": 0}]},
        {"rungs": [{"fps": 25, "still": False, "visitors": 3}, {"fps": 15, "still": False, "visitors": 3}]},
        {"rungs": [{"fps": 0, "still": False, "visitors": 3}]},
        {"rungs": [{"fps": 25, "visitors": 3}]},
        {"rungs": 3},
        {"fingerprint": {"cpu": "x"}},
        {"fingerprint": None},
    ],
)
def test_a_file_that_is_not_ours_is_told_and_passed_over(
    change: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    file = write(MEASURED, fingerprint(Config()), {})
    file.write_text(json.dumps({**json.loads(file.read_text()), **change}))
    assert read(Config()) is None
    assert "appliance size" in caplog.text


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[" * 100_000, b"[]"])
def test_a_damaged_file_is_told_and_passed_over(content: bytes, caplog: pytest.LogCaptureFixture) -> None:
    write(MEASURED, fingerprint(Config()), {}).write_bytes(content)
    assert read(Config()) is None
    assert "not readable" in caplog.text


def test_a_folder_that_cannot_be_written_is_named(home: Path) -> None:
    home.write_text("a file")
    with pytest.raises(ConfigurationError) as failed:
        write(MEASURED, fingerprint(Config()), {})
    assert failed.value.code == "not-writable"
    assert str(home) in failed.value.message


def test_the_measurement_is_in_force_unless_the_owner_says_otherwise() -> None:
    assert in_force(MEASURED, 0, 25) == MEASURED
    assert numbers(in_force(MEASURED, 11, 25)) == numbers(MEASURED)


@pytest.mark.parametrize(
    ("visitors_max", "expected"),
    [
        (1, {"25": 1}),
        (3, {"25": 3}),
        (4, {"25": 3, "15": 4}),
        (6, {"25": 3, "15": 5, "10": 6}),
        (9, {"25": 3, "15": 5, "10": 6, "still": 9}),
        (40, {"25": 3, "15": 5, "10": 6, "still": 40}),
    ],
)
def test_the_owner_sets_a_hard_limit(visitors_max: int, expected: dict[str, int]) -> None:
    assert numbers(in_force(MEASURED, visitors_max, 25)) == expected


def test_a_machine_that_was_not_measured_serves_few_at_full_rate() -> None:
    found = in_force(None, 0, 25)
    assert (found.speaking, found.connected, numbers(found)) == (3, 3, {"25": 3})
    assert numbers(in_force(None, 2, 25)) == {"25": 2}


def test_more_than_that_is_the_owners_word() -> None:
    assert numbers(in_force(None, 6, 25)) == {"25": 3, "15": 5, "10": 6}
    assert numbers(in_force(None, 20, 25)) == {"25": 3, "15": 5, "10": 7, "still": 20}
    assert numbers(in_force(None, 20, 12)) == {"12": 3, "still": 20}
