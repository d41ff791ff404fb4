"""Avatars are installed verified and whole, found by name, and removed; nothing else of a pack is kept."""

from __future__ import annotations

import zipfile
from functools import partial
from pathlib import Path

import pytest

from appliance.bundles import signing
from appliance.errors import AvatarError
from appliance.face import packs
from appliance.face.avatar import load_avatar, pack_files
from tests.models import generate

TINY = generate.HERE / "tiny.avatar"
bring = partial(packs.bring, unsigned=True)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("APPLIANCE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_what_is_brought_in_is_found_by_its_name(home: Path) -> None:
    assert packs.installed() == {}
    name, card = bring(TINY)
    assert (name, card.author) == ("tiny", "tests")
    assert packs.installed() == {"tiny": home / "avatars" / "tiny.avatar"}
    assert packs.find("tiny") == home / "avatars" / "tiny.avatar"
    assert load_avatar(packs.find("tiny")).n_frames == 6


def test_a_path_is_found_as_well() -> None:
    assert packs.find(str(TINY)) == TINY


def test_who_is_not_there_is_told_with_the_nearest_name() -> None:
    bring(TINY, "reception")
    for ask in (packs.find, packs.remove):
        with pytest.raises(AvatarError) as caught:
            ask("receptoin")
        assert caught.value.code == "not-found"
        assert "reception" in caught.value.hint


def test_nobody_is_replaced_unasked() -> None:
    bring(TINY)
    with pytest.raises(AvatarError) as caught:
        bring(TINY)
    assert caught.value.code == "exists"
    bring(TINY, replace=True)
    bring(TINY, "another")
    assert sorted(packs.installed()) == ["another", "tiny"]


@pytest.mark.parametrize("name", ["../outside", "Upper", "a/b", "-first", "x" * 41, "dot.dot"])
def test_a_name_stays_inside_the_folder(home: Path, name: str) -> None:
    with pytest.raises(AvatarError) as caught:
        bring(TINY, name)
    assert caught.value.code == "invalid-name"
    assert not packs.folder().exists()


def test_a_damaged_pack_leaves_nothing_behind(home: Path, tmp_path: Path) -> None:
    files = generate.avatar_files()
    files["mask.png"] += b"x"
    with pytest.raises(AvatarError) as caught:
        bring(generate.pack(files, tmp_path / "bad.avatar"))
    assert caught.value.code == "checksum-mismatch"
    assert not packs.folder().exists()


def test_only_what_belongs_to_an_avatar_is_kept(tmp_path: Path) -> None:
    files = generate.avatar_files() | {"../../evil.sh": b"rm", "extra.pkl": b"x"}
    name, _ = bring(generate.pack(files, tmp_path / "more.avatar"))
    with zipfile.ZipFile(packs.find(name)) as pack:
        assert sorted(pack.namelist()) == ["boxes.json", "card.toml", "frames.mp4", "mask.png"]


def test_a_copy_is_the_same_avatar(tmp_path: Path) -> None:
    bring(TINY)
    for out in (tmp_path / "copy.avatar", tmp_path):
        written = packs.hand_out("tiny", out)
        files = pack_files(written)
        del files["signature.json"]
        assert files == pack_files(TINY)
    assert (tmp_path / "tiny.avatar").stat().st_mode & 0o777 == 0o644, "others may read it"
    with pytest.raises(AvatarError) as caught:
        packs.hand_out("tiny", tmp_path / "no" / "folder" / "x.avatar")
    assert caught.value.code == "unwritable"


def test_only_installed_avatars_are_removed() -> None:
    bring(TINY)
    packs.remove("tiny")
    assert packs.installed() == {}
    with pytest.raises(AvatarError) as caught:
        packs.remove(str(TINY))
    assert caught.value.code == "not-found"
    assert TINY.exists()


def test_what_nobody_signed_is_refused_unless_told() -> None:
    with pytest.raises(AvatarError) as caught:
        packs.bring(TINY)
    assert caught.value.code == "not-signed"


def test_what_this_box_hands_out_comes_back_signed(tmp_path: Path) -> None:
    out = packs.hand_out(str(TINY), tmp_path)
    assert load_avatar(out).signer == signing.own()
    assert packs.bring(out)[0] == "tiny"
    assert packs.hand_out("tiny", tmp_path / "again.avatar").read_bytes() == out.read_bytes(), "and is not signed again"


def test_another_boxs_key_is_asked_for_once(tmp_path: Path, home: Path) -> None:
    out = packs.hand_out(str(TINY), tmp_path / "theirs.avatar")
    theirs = signing.own()
    (home / "signing" / "key.pem").unlink()
    with pytest.raises(AvatarError) as caught:
        packs.bring(out)
    assert caught.value.code == "unknown-signer"
    assert theirs in caught.value.hint
    with pytest.raises(AvatarError):
        packs.bring(out, trust="0000-" * 7 + "0000", unsigned=True)
    packs.bring(out, trust=theirs)
    packs.bring(out, replace=True)
    assert not signing.is_own(theirs)


def test_a_card_that_was_changed_after_it_was_signed_is_refused(tmp_path: Path) -> None:
    files = pack_files(packs.hand_out(str(TINY), tmp_path))
    files["card.toml"] = files["card.toml"].replace(b'"tests"', b'"nobody"')
    with pytest.raises(AvatarError) as caught:
        load_avatar(generate.pack(files, tmp_path / "changed.avatar"))
    assert caught.value.code == "signature-mismatch"
