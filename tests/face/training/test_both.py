"""Training from nothing: what is missing is named before anything is fetched, a part that fails stops the others."""

from __future__ import annotations

from pathlib import Path

import pytest

from appliance.cli.main import main
from appliance.errors import AvatarError
from appliance.face.training import both


def test_what_is_not_installed_is_named_with_the_command_that_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(both, "_MODULES", ("json", "nothing_of_this_name"))
    assert main(["avatar", "train", "-o", str(tmp_path / "net")]) == 1
    told = capsys.readouterr().err
    assert "training needs nothing_of_this_name [not-installed]" in told
    assert "scripts/setup --train" in told
    assert not (tmp_path / "net").exists()


@pytest.mark.parametrize("minutes", ["0", "-3", "nan", "soon"])
def test_no_time_is_a_wrong_usage(minutes: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["avatar", "train", "-o", str(tmp_path), f"--minutes={minutes}"])
    assert stopped.value.code == 2
    assert "--minutes" in capsys.readouterr().err


def test_a_part_that_fails_says_its_last_line_and_stops_the_others(tmp_path: Path) -> None:
    said: list[str] = []
    with pytest.raises(AvatarError) as failed:
        both.run({"nonsense": ["nonsense", str(tmp_path)], "sound": ["--help"]}, resume=False, say=said.append)
    assert failed.value.code == "training-failed"
    assert any(line.startswith("nonsense") for line in said)
    assert "nonsense" in str(failed.value)
