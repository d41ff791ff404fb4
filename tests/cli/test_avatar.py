"""`appliance avatar`: what it prints, writes and refuses."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import pytest

from appliance.cli.main import main
from tests.models import generate

TINY = str(generate.HERE / "tiny.avatar")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("APPLIANCE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_list_shows_the_shipped_one_and_those_installed(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["avatar", "import", TINY, "--name", "lobby", "--unsigned"]) == 0
    assert 'avatar = "lobby"' in capsys.readouterr().out
    (home / "avatars" / "broken.avatar").write_bytes(b"no zip")
    monkeypatch.setenv("APPLIANCE_FACE__AVATAR", "lobby")
    assert main(["avatar", "list", "--json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert list(rows) == ["default", "broken", "lobby"]
    assert rows["default"]["size"] == "512x512"
    assert rows["broken"]["code"] == "incompatible"
    assert rows["lobby"] | {"chosen": True, "size": "96x80", "licence": "Apache-2.0"} == rows["lobby"]
    assert main(["avatar", "list"]) == 0
    assert "* lobby" in capsys.readouterr().out


def test_info_tells_what_the_card_says(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["avatar", "info", TINY, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["name"], told["frames"], told["measurable"]) == ("tiny", 6, False)
    assert main(["avatar", "info"]) == 0
    out = capsys.readouterr().out
    assert "ai_label" in out
    assert "sha256" not in out


def test_preview_is_a_picture(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["avatar", "preview", TINY, "-o", str(tmp_path / "sheet.png")]) == 0
    assert cv2.imread(str(tmp_path / "sheet.png")).shape == (80, 96 + 4 * 48, 3)
    for bad in (tmp_path / "no" / "sheet.png", tmp_path / "sheet.nothing"):
        assert main(["avatar", "preview", TINY, "-o", str(bad), "--json"]) == 1
        assert json.loads(capsys.readouterr().err)["code"] == "unwritable"


def test_out_and_in_and_gone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["avatar", "export", "default", "-o", str(tmp_path / "copy.avatar")]) == 0
    assert main(["avatar", "import", str(tmp_path / "copy.avatar"), "--name", "copy"]) == 0
    assert main(["avatar", "remove", "copy"]) == 0
    assert main(["avatar", "remove", "copy", "--json"]) == 1
    assert json.loads(capsys.readouterr().err)["code"] == "not-found"


def test_who_signed_it_is_told_and_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str], home: Path) -> None:
    copy = str(tmp_path / "copy.avatar")
    assert main(["avatar", "import", TINY, "--json"]) == 1
    assert json.loads(capsys.readouterr().err)["code"] == "not-signed"
    assert main(["avatar", "export", TINY, "-o", copy]) == 0
    assert main(["avatar", "key"]) == 0
    fingerprint = capsys.readouterr().out.splitlines()[-1]
    assert main(["avatar", "info", copy]) == 0
    assert f"{fingerprint} (this box)" in capsys.readouterr().out
    (home / "signing" / "key.pem").unlink()
    assert main(["avatar", "import", copy, "--json"]) == 1
    assert json.loads(capsys.readouterr().err)["code"] == "unknown-signer"
    assert main(["avatar", "import", copy, "--trust", fingerprint.upper()]) == 0
    assert main(["avatar", "info", "tiny", "--json"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["signed_by"] == fingerprint
