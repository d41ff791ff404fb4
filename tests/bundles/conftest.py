"""A small bundle whose packages lie in a folder: pip's own client brings them from there, without a network."""

from __future__ import annotations

import hashlib
import io
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from appliance.bundles.manifest import Manifest, load

WEIGHTS = bytes(range(256)) * 400
TOKENIZER = b'{"words": ["hello"]}'


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@dataclass
class Shop:
    """Packages, and the manifest that names them."""

    folder: Path
    packages: dict[str, bytes] = field(default_factory=dict)

    def put(self, name: str, members: dict[str, bytes]) -> None:
        """Make a wheel of `members`, which replaces one of the same name."""
        wheel = io.BytesIO()
        dist = f"{name}-1.0.dist-info"
        with zipfile.ZipFile(wheel, "w") as archive:
            for member, content in members.items():
                archive.writestr(member, content)
            archive.writestr(f"{dist}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
            archive.writestr(f"{dist}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            archive.writestr(f"{dist}/RECORD", "")
        self.packages[name] = wheel.getvalue()
        (self.folder / f"{name}-1.0-py3-none-any.whl").write_bytes(wheel.getvalue())

    def manifest(self, **changed: str) -> Path:
        """Write the manifest; `changed` replaces texts in it."""
        text = 'format = 1\nname = "tiny"\n[role]\nears = { opens = "" }\nmind = { opens = "weights.bin" }\n'
        for name, content in self.packages.items():
            text += f'[package.{name}]\nkind = "pypi"\nversion = "1.0"\n'
            text += f'bytes = {len(content)}\nsha256 = "{digest(content)}"\n'
        text += _entry("mind", "weights.bin", WEIGHTS, 'package = "alpha"\nmember = "alpha/weights.bin"')
        text += _entry("ears", "tokenizer.json", TOKENIZER, 'package = "beta"\nmember = ["beta/inner.zip", "t.json"]')
        for old, new in changed.items():
            text = text.replace(old, new)
        path = self.folder / "tiny.toml"
        path.write_text(text, encoding="utf-8")
        return path

    def bundle(self) -> Manifest:
        return load(str(self.manifest()))


def _entry(role: str, name: str, content: bytes, source: str) -> str:
    return (
        f'[[file]]\nrole = "{role}"\nname = "{name}"\nbytes = {len(content)}\nsha256 = "{digest(content)}"\n'
        f'licence = "MIT"\nupstream = "tests"\n{source}\n'
    )


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty per-user folder."""
    folder = tmp_path / "home"
    monkeypatch.setenv("APPLIANCE_HOME", str(folder))
    return folder


@pytest.fixture
def shop(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    folder = tmp_path / "shop"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    shop = Shop(folder)
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("t.json", TOKENIZER)
    shop.put("alpha", {"alpha/weights.bin": WEIGHTS})
    shop.put("beta", {"beta/inner.zip": inner.getvalue()})
    return shop


@pytest.fixture
def installed(shop: Shop, home: Path) -> Manifest:
    """The bundle with its files in place, as if fetched."""
    for role, name, content in (("mind", "weights.bin", WEIGHTS), ("ears", "tokenizer.json", TOKENIZER)):
        path = home / "models" / role / name
        path.parent.mkdir(parents=True)
        path.write_bytes(content)
    return shop.bundle()
