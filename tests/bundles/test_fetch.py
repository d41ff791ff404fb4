from __future__ import annotations

import io
import os
import shutil
import tarfile
from pathlib import Path

import pytest

from appliance.bundles import fetch as module
from appliance.bundles.fetch import fetch
from appliance.bundles.manifest import Manifest, load
from appliance.bundles.verify import files
from appliance.errors import BundleError
from tests.bundles.conftest import TOKENIZER, WEIGHTS, Shop, digest


def _left(home: Path) -> list[str]:
    return [path.name for path in (home / "models").glob(".fetch-*")]


def test_files_come_out_of_their_packages_even_from_a_zip_in_the_zip(shop: Shop, home: Path) -> None:
    seen: list[tuple[int, int, str]] = []
    brought = fetch(shop.bundle(), lambda *progress: seen.append(progress))
    assert [file.name for file in brought] == ["weights.bin", "tokenizer.json"]
    assert (home / "models/mind/weights.bin").read_bytes() == WEIGHTS
    assert (home / "models/ears/tokenizer.json").read_bytes() == TOKENIZER
    total = sum(len(content) for content in shop.packages.values())
    assert seen[-1] == (total, total, "beta")
    assert _left(home) == []


def test_what_is_right_already_is_not_downloaded(shop: Shop, installed: Manifest) -> None:
    for wheel in shop.folder.glob("*.whl"):
        wheel.unlink()
    assert fetch(installed) == []


def test_only_the_wrong_file_is_brought_again(shop: Shop, installed: Manifest) -> None:
    (shop.folder / "beta-1.0-py3-none-any.whl").unlink()
    installed.opens["mind"].write_bytes(b"half a fi")
    assert [file.name for file in fetch(installed)] == ["weights.bin"]
    assert files(installed)["mind"].read_bytes() == WEIGHTS


def test_an_interrupted_fetch_goes_on_where_it_was(shop: Shop, home: Path) -> None:
    wheel = shop.folder / "beta-1.0-py3-none-any.whl"
    away = wheel.rename(wheel.with_suffix(".away"))
    with pytest.raises(BundleError):
        fetch(shop.bundle())
    stale = home / "models" / ".fetch-killed"
    stale.mkdir()
    away.rename(wheel)
    (shop.folder / "alpha-1.0-py3-none-any.whl").unlink()  # it is in place and not asked for again
    assert [file.name for file in fetch(shop.bundle())] == ["tokenizer.json"]
    assert _left(home) == []


def test_a_package_that_changed_is_refused_and_nothing_is_put_in_place(shop: Shop, home: Path) -> None:
    bundle = shop.bundle()
    shop.put("alpha", {"alpha/weights.bin": WEIGHTS, "alpha/more": b"?"})
    with pytest.raises(BundleError, match=r"alpha 1\.0 is not the pinned one") as caught:
        fetch(bundle)
    assert caught.value.code == "checksum-mismatch"
    assert not (home / "models/mind").exists()
    assert _left(home) == []


def test_a_file_that_is_not_the_manifests_is_refused(shop: Shop, home: Path) -> None:
    path = shop.manifest(**{digest(WEIGHTS): digest(b"another")})
    with pytest.raises(BundleError, match=r"weights\.bin in package alpha is not the file") as caught:
        fetch(load(str(path)))
    assert caught.value.code == "checksum-mismatch"
    assert not (home / "models/mind").exists()


@pytest.mark.parametrize(("old", "new"), [("alpha/weights.bin", "alpha/no.bin"), ("beta/inner.zip", "beta/no.zip")])
def test_a_member_that_is_not_there_is_named(shop: Shop, old: str, new: str) -> None:
    with pytest.raises(BundleError, match=f"{new} cannot be read from package") as caught:
        fetch(load(str(shop.manifest(**{old: new}))))
    assert caught.value.code == "not-found"


def test_a_package_that_nobody_has_is_a_failed_download(shop: Shop) -> None:
    (shop.folder / "alpha-1.0-py3-none-any.whl").unlink()
    with pytest.raises(BundleError, match=r"alpha 1\.0 cannot be downloaded") as caught:
        fetch(shop.bundle())
    assert caught.value.code == "download-failed"


def test_without_a_network_it_says_so(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.delenv("PIP_FIND_LINKS")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")  # the discard port: refused at once
    monkeypatch.setattr(module, "_RETRIES", 1)
    with pytest.raises(BundleError, match="registry cannot be reached") as caught:
        fetch(shop.bundle())
    assert caught.value.code == "unreachable"


def test_a_full_disk_is_seen_before_anything_is_downloaded(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage("/")._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    monkeypatch.setattr(module, "_download", lambda *_: pytest.fail("downloaded"))
    with pytest.raises(BundleError, match=r"0\.0 GB are free") as caught:
        fetch(shop.bundle())
    assert caught.value.code == "disk-full"
    assert "APPLIANCE_HOME" in caught.value.hint


def test_a_home_that_cannot_be_written_is_one_sentence(shop: Shop, home: Path) -> None:
    home.write_text("a file where the folder should be")
    with pytest.raises(BundleError, match="cannot write") as caught:
        fetch(shop.bundle())
    assert "APPLIANCE_HOME" in caught.value.hint


def _npm(folder: Path, archive: Path) -> None:
    """An `npm` that packs one archive, for a machine that need not have Node.js."""
    script = folder / "npm"
    script.write_text(f'#!/bin/sh\n[ "$1 $2" = "pack gamma@2.0" ] || exit 9\ncp {archive} "$5"\n')
    script.chmod(0o755)


def test_files_come_out_of_npms_archives_too(shop: Shop, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        entry = tarfile.TarInfo("package/weights.bin")
        entry.size = len(WEIGHTS)
        archive.addfile(entry, io.BytesIO(WEIGHTS))
    tgz = shop.folder / "gamma-2.0.tgz"
    tgz.write_bytes(content.getvalue())
    _npm(shop.folder, tgz)
    monkeypatch.setenv("PATH", f"{shop.folder}:{os.environ['PATH']}")
    path = shop.manifest(
        **{
            'package = "alpha"\nmember = "alpha/weights.bin"': 'package = "gamma"\nmember = "package/weights.bin"',
            "[package.alpha]": f'[package.gamma]\nkind = "npm"\nversion = "2.0"\nbytes = {tgz.stat().st_size}\n'
            f'sha256 = "{digest(content.getvalue())}"\n[package.alpha]',
        }
    )
    fetch(load(str(path)))
    assert (home / "models/mind/weights.bin").read_bytes() == WEIGHTS


def test_a_missing_npm_is_named(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    path = shop.manifest(**{'kind = "pypi"': 'kind = "npm"'})
    with pytest.raises(BundleError, match="npm is not installed") as caught:
        fetch(load(str(path)))
    assert caught.value.code == "download-failed"


def test_one_wheel_of_several_is_read_on_any_machine(shop: Shop, home: Path) -> None:
    wheel = shop.folder / "alpha-1.0-py3-none-any.whl"
    wheel.rename(shop.folder / "alpha-1.0-cp311-cp311-manylinux_2_28_x86_64.whl")
    path = shop.manifest(**{"[package.beta]": 'wheel = "cp311-cp311-manylinux_2_28_x86_64"\n[package.beta]'})
    fetch(load(str(path)))
    assert (home / "models/mind/weights.bin").read_bytes() == WEIGHTS


def test_what_reads_photos_is_a_manifest_of_its_own() -> None:
    bundle = load("photo")
    assert {file.licence for file in bundle.files} == {"Apache-2.0"}
    assert len(bundle.files) == 3
    assert not {file.role for file in load("nano").files} & {file.role for file in bundle.files}
