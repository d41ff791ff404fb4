"""Installed nets are found by name, verified before they are opened, and removed whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from appliance.errors import AvatarError
from appliance.face import names, nets
from appliance.face.adapter import Adapter
from appliance.face.net import open_net

CARD = nets.Card(
    file="Small Face.onnx",
    bytes=1,
    sha256="",
    licence="MIT",
    upstream='Gesellschaft für "Lippen" 🙂',
    encoder="",
    encoder_sha256="",
    size=96,
    ms_per_frame=1.5,
    adapter=Adapter(draws="0..255"),
)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("APPLIANCE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_a_card_says_what_it_was_told(home: Path, stranger_files: dict[str, Path]) -> None:
    assert nets.installed() == {}
    path = nets.keep("small", CARD, stranger_files["small"], None)
    assert nets.installed() == {"small": home / "nets" / "small"} == {"small": path}
    assert nets.read_card(nets.find("small")) == CARD
    nets.keep("small", CARD, stranger_files["small"], stranger_files["hubert"])
    assert sorted(file.name for file in path.iterdir()) == ["card.toml", "encoder.onnx", "net.onnx"]
    assert [entry.name for entry in (home / "nets").iterdir()] == ["small"], "nothing else is left"
    nets.remove("small")
    assert not path.exists()


@pytest.mark.parametrize("name", ["../outside", "Upper", "a/b", "", "x" * 41])
def test_a_name_stays_inside_the_folder(name: str) -> None:
    with pytest.raises(AvatarError) as caught:
        names.check(name, "a face net", nets.installed(), replace=True)
    assert caught.value.code == "invalid-name"


def test_who_is_not_there_is_told_with_the_nearest_name(stranger_files: dict[str, Path]) -> None:
    nets.keep("wav2lip", CARD, stranger_files["small"], None)
    for ask in (nets.find, nets.remove):
        with pytest.raises(AvatarError, match="wav2lib") as caught:
            ask("wav2lib")
        assert caught.value.code == "not-found"
        assert "wav2lip" in caught.value.hint
    with pytest.raises(AvatarError) as caught:
        names.check("wav2lip", "a face net", nets.installed(), replace=False)
    assert caught.value.code == "exists"


def test_a_file_that_was_changed_is_not_opened(stranger_files: dict[str, Path]) -> None:
    path = nets.keep("small", CARD, stranger_files["small"], None)
    nets.verified(path)  # this card names no hash
    text = (path / nets.CARD).read_text().replace('\nsha256 = ""', f'\nsha256 = "{"0" * 64}"')
    (path / nets.CARD).write_text(text)
    with pytest.raises(AvatarError) as caught:
        open_net(path)
    assert caught.value.code == "checksum-mismatch"
    (path / nets.NET).unlink()
    with pytest.raises(AvatarError) as caught:
        open_net(path)
    assert caught.value.code == "not-found"


@pytest.mark.parametrize("text", ["", "format = 2", "no toml", 'format = 1\nfile = "x"'])
def test_a_card_that_cannot_be_is_told(stranger_files: dict[str, Path], text: str) -> None:
    path = nets.keep("small", CARD, stranger_files["small"], None)
    (path / nets.CARD).write_text(text)
    with pytest.raises(AvatarError) as caught:
        nets.read_card(path)
    assert caught.value.code == "incompatible"


@pytest.mark.parametrize(
    ("licence", "forbids"),
    [
        ("MIT", False),
        ("Apache-2.0", False),
        ("CC-BY-NC-4.0", True),
        ("for non-commercial use only", True),
        ("research only", True),
        ("personal, research, academic", True),
    ],
)
def test_a_licence_tells_whether_it_forbids_to_earn_money(licence: str, forbids: bool) -> None:
    import dataclasses

    assert dataclasses.replace(CARD, licence=licence).non_commercial is forbids
