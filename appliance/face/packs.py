"""Installed avatars: a name or a path in, the pack's path out; packs are brought in, handed out and removed.

They lie in the per-user state folder, one `.avatar` each. What is brought in is read and verified first, and only what
an avatar consists of is kept of it.
"""

from __future__ import annotations

import difflib
import os
import tempfile
import zipfile
from pathlib import Path

from appliance.bundles import signing
from appliance.bundles.manifest import state
from appliance.errors import AvatarError
from appliance.face import names
from appliance.face.avatar import CARD, SIGNATURE, Card, load_avatar, pack_files

_SUFFIX = ".avatar"
_EPOCH = (2026, 1, 1, 0, 0, 0)
"""Of every file in a pack, so that the same avatar is the same bytes."""


def folder() -> Path:
    """Where they lie: in $APPLIANCE_HOME, else in XDG's folder for state."""
    return state() / "avatars"


def installed() -> dict[str, Path]:
    """Every installed avatar by its name."""
    return {path.stem: path for path in sorted(folder().glob(f"*{_SUFFIX}"))}


def find(avatar: str) -> Path:
    """The pack of an installed avatar, or the path itself.

    Raises:
        AvatarError: code not-found, with the nearest name.
    """
    known = installed()
    if avatar in known:
        return known[avatar]
    path = Path(avatar)
    if path.exists():
        return path
    near = difflib.get_close_matches(avatar, known, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]}?" if near else "`appliance avatar list` shows those that are installed"
    raise AvatarError(f"there is no avatar {avatar}", code="not-found", hint=hint)


def bring(
    path: Path, name: str = "", *, replace: bool = False, trust: str = "", unsigned: bool = False
) -> tuple[str, Card]:
    """Verify a pack, keep it under a name and return that.

    Args:
        name: lower-case letters, digits and hyphens; the card's own name where none is given.
        replace: whether one of that name may be replaced.
        trust: a key's fingerprint; what it signed is taken now and from now on.
        unsigned: whether a pack that nobody signed may be taken.
    Raises:
        AvatarError: it is no avatar (codes as of `load_avatar`), nobody signed it (code not-signed), or somebody who is
            not known here (code unknown-signer), its name cannot be used, or is taken (code exists).
    """
    avatar = load_avatar(path)
    _known(avatar.signer, path, trust, unsigned)
    name = name or names.slug(avatar.card.name)
    target = place(name, replace=replace)
    target.parent.mkdir(parents=True, exist_ok=True)
    write(pack_files(path), target)
    return name, avatar.card


def _known(signer: str, path: Path, trust: str, unsigned: bool) -> None:
    if not signer:
        if unsigned:
            return
        hint = "have it exported by the box it comes from, or take it as it is with --unsigned"
        raise AvatarError(f"nobody signed {path.name}", code="not-signed", hint=hint)
    if trust == signer:
        signing.trust(signer)
    elif not signing.trusted(signer):
        hint = f"if `appliance avatar key` says so where it comes from, take it with --trust {signer}"
        raise AvatarError(f"{path.name} is signed by {signer}, not known here", code="unknown-signer", hint=hint)


def sign(pack: Path) -> None:
    """Sign a pack's file by this box's key, in place."""
    write(_signed(pack_files(pack)), pack)


def _signed(files: dict[str, bytes]) -> dict[str, bytes]:
    """The files of a pack, signed by this box where nobody did."""
    return files if SIGNATURE in files else files | {SIGNATURE: signing.sign(files[CARD])}


def place(name: str, *, replace: bool = False) -> Path:
    """Where an avatar of this name is to lie.

    Raises:
        AvatarError: codes invalid-name, exists.
    """
    names.check(name, "an avatar", installed(), replace=replace)
    return folder() / f"{name}{_SUFFIX}"


def hand_out(avatar: str, out: Path) -> Path:
    """Write a verified copy of a pack, signed by this box where nobody did.

    Raises:
        AvatarError: there is none, or it is damaged, or `out` cannot be written (code unwritable).
    """
    source = find(avatar)
    load_avatar(source)
    target = out / f"{source.stem}{_SUFFIX}" if out.is_dir() else out
    try:
        write(_signed(pack_files(source)), target)
    except OSError as error:
        raise AvatarError(f"{target} cannot be written", code="unwritable", hint="name another file") from error
    return target


def remove(name: str) -> None:
    """Remove an installed avatar.

    Raises:
        AvatarError: code not-found.
    """
    known = installed()
    if name not in known:
        find(name)  # tells the nearest name
        raise AvatarError(f"{name} is not installed", code="not-found", hint="only installed avatars are removed")
    known[name].unlink()


def write(files: dict[str, bytes], out: Path) -> None:
    """Write a pack, whole or not at all."""
    handle, part = tempfile.mkstemp(dir=out.parent, suffix=".part")
    try:
        with os.fdopen(handle, "wb") as raw, zipfile.ZipFile(raw, "w", zipfile.ZIP_STORED) as pack:
            for name, data in files.items():
                pack.writestr(zipfile.ZipInfo(name, _EPOCH), data)
        Path(part).chmod(0o644)
        Path(part).replace(out)
    except BaseException:
        Path(part).unlink(missing_ok=True)
        raise
