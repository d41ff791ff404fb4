from __future__ import annotations

from pathlib import Path

import pytest

from appliance.bundles.manifest import cache, load, shipped
from appliance.errors import BundleError
from tests.bundles.conftest import Shop


def test_each_role_opens_its_file_or_its_folder(shop: Shop, home: Path) -> None:
    bundle = shop.bundle()
    assert bundle.opens == {"ears": home / "models" / "ears", "mind": home / "models" / "mind" / "weights.bin"}
    assert [file.member for file in bundle.files] == [("alpha/weights.bin",), ("beta/inner.zip", "t.json")]
    assert {file.package.name for file in bundle.files if file.package} == {"alpha", "beta"}


def test_the_cache_is_appliance_home_else_xdg_else_dot_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("APPLIANCE_HOME", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert cache() == tmp_path / ".cache" / "appliance"
    monkeypatch.setenv("XDG_CACHE_HOME", "/var/xdg")
    assert cache() == Path("/var/xdg/appliance")
    monkeypatch.setenv("APPLIANCE_HOME", "/srv/box")
    assert cache() == Path("/srv/box")


def test_an_unknown_name_suggests_the_nearest_manifest() -> None:
    with pytest.raises(BundleError, match="no model manifest nanno") as caught:
        load("nanno")
    assert caught.value.code == "not-found"
    assert caught.value.hint == "did you mean nano?"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("format = 1", "format = 9", "format is 9"),
        ('name = "weights.bin"', 'name = "../weights.bin"', "no plain file name"),
        ('role = "mind"', 'role = "../../etc"', "no plain file name"),
        ('role = "mind"', 'role = "other"', "role mind has no file"),
        ('opens = "weights.bin"', 'opens = "../x"', "none of its files"),
        ("bytes = 102400", "bytes = 0", "positive number"),
        ("bytes = 102400", "bytes = true", "positive number"),
        ('package = "alpha"\n', "", "either a package or a path"),
        ('package = "alpha"', 'path = "../weights.bin"', "beside the manifest"),
        ('package = "alpha"', 'package = "gamma"', "gamma is missing"),
        ('kind = "pypi"', 'kind = "web"', "pypi or npm"),
        ('licence = "MIT"\n', "", "licence is missing"),
        ("[role]", "[role", "no model manifest"),
    ],
)
def test_a_wrong_manifest_is_refused_with_what_is_wrong(shop: Shop, old: str, new: str, said: str) -> None:
    path = shop.manifest(**{old: new})
    with pytest.raises(BundleError, match=said) as caught:
        load(str(path))
    assert caught.value.code == "bad-manifest"
    assert str(path) in caught.value.message


def test_a_wheels_tag_is_three_words(shop: Shop) -> None:
    path = shop.manifest(**{"[package.beta]": 'wheel = "any; rm"\n[package.beta]'})
    with pytest.raises(BundleError, match="wheel must be like"):
        load(str(path))


def test_a_short_hash_is_refused(shop: Shop) -> None:
    path = shop.manifest()
    path.write_text(path.read_text().replace('sha256 = "', 'sha256 = "x', 1))
    with pytest.raises(BundleError, match="no SHA-256"):
        load(str(path))


def test_the_shipped_manifest_names_every_engine_and_no_address(home: Path) -> None:
    bundle = load("nano")
    assert set(bundle.opens) >= {"ears", "mind", "voice", "embedding"}
    assert all(file.licence and file.upstream for file in bundle.files)
    assert all(file.path.is_relative_to(home / "models") for file in bundle.files if file.package)
    assert "://" not in (shipped() / "nano.toml").read_text(encoding="utf-8")


def test_a_file_of_the_repository_lies_beside_its_manifest(shop: Shop) -> None:
    path = shop.manifest(**{'package = "alpha"\nmember = "alpha/weights.bin"': 'path = "own/weights.bin"'})
    assert load(str(path)).opens["mind"] == shop.folder / "own" / "weights.bin"
