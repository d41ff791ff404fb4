"""Signatures: whose they are is told, and what was changed is not signed; a box keeps its key to itself."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from appliance.bundles import signing
from appliance.errors import BundleError


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("APPLIANCE_HOME", str(tmp_path))
    return tmp_path


def test_what_a_box_signs_tells_its_fingerprint(home: Path) -> None:
    signature = signing.sign(b"card")
    assert signing.signer(b"card", signature) == signing.own()
    assert signing.sign(b"card") == signature, "the same key, and the same bytes"
    assert [len(group) for group in signing.own().split("-")] == [4] * 8
    assert stat.S_IMODE((home / "signing" / "key.pem").stat().st_mode) == 0o600


def _changed(told: bytes, **values: str) -> bytes:
    return json.dumps(json.loads(told) | values).encode()


def test_what_does_not_fit_is_no_signature() -> None:
    signature = signing.sign(b"card")
    other = json.loads(signing.sign(b"other"))["signature"]
    for data, text in (
        (b"cars", signature),
        (b"card", _changed(signature, signature=other)),
        (b"card", _changed(signature, signature="=")),
        (b"card", _changed(signature, key="AAAA")),
        (b"card", _changed(signature, algorithm="none")),
        (b"card", b"[]"),
        (b"card", b"{}"),
        (b"card", b"signed"),
        (b"card", b"\xff"),
    ):
        with pytest.raises(ValueError):
            signing.signer(data, text)


def test_nobody_is_trusted_unasked(home: Path) -> None:
    theirs = signing.own()
    assert signing.trusted(theirs)
    (home / "signing" / "key.pem").unlink()
    assert not signing.is_own(theirs)
    assert not signing.trusted(theirs)
    signing.trust(theirs)
    signing.trust(theirs)
    assert signing.trusted(theirs)
    assert (home / "signing" / "trusted").read_text().split() == [theirs]
    assert not signing.is_own("")


def test_a_key_that_cannot_be_read_is_told(home: Path) -> None:
    (home / "signing").mkdir()
    (home / "signing" / "key.pem").write_text("no key")
    with pytest.raises(BundleError) as caught:
        signing.sign(b"card")
    assert caught.value.code == "key-unusable"
