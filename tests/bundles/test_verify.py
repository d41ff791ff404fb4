from __future__ import annotations

import os
from pathlib import Path

import pytest

from appliance.bundles import verify as module
from appliance.bundles.manifest import Manifest
from appliance.bundles.verify import files, sha256, verify
from appliance.errors import BundleError
from tests.bundles.conftest import TOKENIZER, WEIGHTS, Shop, digest


def test_right_files_are_told_by_role(installed: Manifest) -> None:
    assert files(installed)["mind"].read_bytes() == WEIGHTS
    assert (files(installed)["ears"] / "tokenizer.json").read_bytes() == TOKENIZER


def test_a_manifest_is_taken_by_name_too(shop: Shop, installed: Manifest) -> None:
    assert files(str(shop.folder / "tiny.toml")) == installed.opens


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _swap(path: Path) -> None:
    """Another model of the same size, the same dates and under the same name."""
    before = path.stat()
    other = path.with_name("other")
    other.write_bytes(bytes(reversed(path.read_bytes())))
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    other.replace(path)


def _overwrite_with_old_dates(path: Path) -> None:
    """In place, so that even the inode is the same."""
    before = path.stat()
    path.write_bytes(bytes(reversed(path.read_bytes())))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize("stamped", [False, True])
@pytest.mark.parametrize("damage", [_flip, _truncate, _empty, _swap, _overwrite_with_old_dates])
def test_a_damaged_file_is_refused_by_name_with_the_remedy(installed: Manifest, damage: object, stamped: bool) -> None:
    if stamped:
        verify(installed)
    damage(installed.opens["mind"])  # type: ignore[operator]
    with pytest.raises(BundleError, match=r"weights\.bin") as caught:
        files(installed)
    assert caught.value.code == "checksum-mismatch"
    assert "appliance models fetch" in caught.value.hint


def test_a_missing_file_is_refused_by_name(installed: Manifest) -> None:
    verify(installed)
    (installed.opens["ears"] / "tokenizer.json").unlink()
    with pytest.raises(BundleError, match=r"tokenizer\.json is missing") as caught:
        files(installed)
    assert caught.value.code == "not-found"


def test_a_folder_in_place_of_a_file_is_refused(installed: Manifest) -> None:
    path = installed.opens["mind"]
    path.unlink()
    path.mkdir()
    with pytest.raises(BundleError):
        files(installed)


def test_files_that_changed_places_are_refused(installed: Manifest) -> None:
    mind, ears = installed.opens["mind"], installed.opens["ears"] / "tokenizer.json"
    mind.write_bytes(TOKENIZER)
    ears.write_bytes(WEIGHTS)
    with pytest.raises(BundleError) as caught:
        files(installed)
    assert caught.value.code == "checksum-mismatch"


def test_untouched_files_are_hashed_once(installed: Manifest, monkeypatch: pytest.MonkeyPatch) -> None:
    hashed: list[str] = []
    monkeypatch.setattr(module, "sha256", lambda path: hashed.append(path.name) or digest(path.read_bytes()))
    verify(installed)
    assert hashed == ["weights.bin", "tokenizer.json"]
    verify(installed)
    assert len(hashed) == 2
    verify(installed, trust_stamps=False)
    assert len(hashed) == 4


def test_a_manifest_with_another_hash_does_not_trust_the_stamp(shop: Shop, installed: Manifest) -> None:
    verify(installed)
    path = shop.manifest(**{digest(WEIGHTS): digest(b"another")})
    with pytest.raises(BundleError, match=digest(b"another")):
        files(str(path))


@pytest.mark.parametrize("text", ["", "[]", "{", '{"x": 1}'])
def test_damaged_stamps_cost_only_time(installed: Manifest, home: Path, text: str) -> None:
    (home / "models" / ".verified.json").write_text(text)
    assert files(installed) == installed.opens


def test_progress_ends_at_the_sum_of_all_files(installed: Manifest) -> None:
    seen: list[tuple[int, int]] = []
    verify(installed, progress=lambda done, total, _: seen.append((done, total)))
    total = len(WEIGHTS) + len(TOKENIZER)
    assert seen == [(0, total), (len(WEIGHTS), total), (total, total)]


def test_sha256_is_that_of_the_whole_file(tmp_path: Path) -> None:
    content = os.urandom((1 << 20) + 17)
    (tmp_path / "file").write_bytes(content)
    assert sha256(tmp_path / "file") == digest(content)
