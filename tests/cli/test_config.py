from __future__ import annotations

import json
from pathlib import Path

import pytest

from appliance.cli.main import main


def test_each_setting_is_shown_with_its_origin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    own = tmp_path / "own.toml"
    own.write_text('[session]\npersona = "clinic"\n[ears.openai_compatible]\napi_key = "hush"\n')
    monkeypatch.setenv("APPLIANCE_SERVER__PORT", "9000")
    assert main(["config", "--config", str(own)]) == 0
    lines = {line.partition(" = ")[0]: line for line in capsys.readouterr().out.splitlines()}
    assert lines["session.persona"].split() == ["session.persona", "=", '"clinic"', "#", str(own)]
    assert lines["server.port"].split() == ["server.port", "=", "9000", "#", "APPLIANCE_SERVER__PORT"]
    assert lines["face.fps"].endswith("# default")
    assert "hush" not in "".join(lines.values())
    assert "********" in lines["ears.openai_compatible.api_key"]


def test_json_has_key_value_and_origin(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert {"key": "server.port", "value": "8080", "origin": "default"} in rows


def test_a_wrong_key_is_an_error_with_the_nearest_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own = tmp_path / "own.toml"
    own.write_text("[face]\nfsp = 25\n")
    assert main(["config", "--config", str(own)]) == 1
    assert "did you mean face.fps?" in capsys.readouterr().err
