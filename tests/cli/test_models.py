from __future__ import annotations

import json
from pathlib import Path

import pytest

from appliance.bundles.manifest import Manifest
from appliance.cli.main import main
from tests.bundles.conftest import WEIGHTS, Shop, home, installed, shop

__all__ = ["home", "installed", "shop"]


def _manifest(shop: Shop) -> list[str]:
    return ["--manifest", str(shop.folder / "tiny.toml")]


def test_list_shows_every_file_with_licence_and_state(
    shop: Shop, installed: Manifest, capsys: pytest.CaptureFixture[str]
) -> None:
    installed.opens["mind"].unlink()
    assert main(["models", "list", *_manifest(shop)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["mind", "weights.bin", "0.1", "MB", "missing", "MIT"]
    assert lines[2].split() == ["ears", "tokenizer.json", "0.0", "MB", "present", "MIT"]


def test_list_as_json_names_hash_and_package(
    shop: Shop, installed: Manifest, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["models", "list", "--json", *_manifest(shop)]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert listed["manifest"] == "tiny"
    assert listed["files"][0]["sha256"] == installed.files[0].sha256
    assert listed["files"][0]["package"] == "pypi:alpha==1.0"
    assert listed["files"][0]["state"] == "present"


def test_list_does_not_need_the_files(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "list"]) == 0
    assert "SmolLM2" in capsys.readouterr().out


def test_verify_finds_every_wrong_file_and_fails(
    shop: Shop, installed: Manifest, capsys: pytest.CaptureFixture[str]
) -> None:
    installed.opens["mind"].write_bytes(bytes(len(WEIGHTS)))
    (installed.opens["ears"] / "tokenizer.json").unlink()
    assert main(["models", "verify", "--json", *_manifest(shop)]) == 1
    out, err = capsys.readouterr()
    assert [file["state"] for file in json.loads(out)["files"]] == ["checksum-mismatch", "not-found"]
    assert "weights.bin" in err
    assert "run `appliance models fetch`" in err


def test_verify_of_right_files_is_quiet_and_leaves_a_stamp(
    shop: Shop, installed: Manifest, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["models", "verify", *_manifest(shop)]) == 0
    assert "verify 100%" in capsys.readouterr().err
    assert (home / "models" / ".verified.json").is_file()


def test_fetch_brings_what_is_missing_and_says_how_far_it_is(
    shop: Shop, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shop.manifest()
    assert main(["models", "fetch", *_manifest(shop)]) == 0
    out, err = capsys.readouterr()
    assert out.endswith("2 files fetched, all 2 verified\n")
    assert "fetch 100%" in err
    assert (home / "models/mind/weights.bin").read_bytes() == WEIGHTS


def test_an_unknown_manifest_is_an_error_with_the_nearest_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "list", "--manifest", "nono"]) == 1
    assert "did you mean nano?" in capsys.readouterr().err
