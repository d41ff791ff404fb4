"""Installed face nets of others: a name in, its folder out; they are kept with what is known of them, and removed.

They lie in the per-user state folder, a folder each: the net, its audio encoder where it has one, and card.toml, which
tells whose they are, under which licence, and how the net is run.
"""

from __future__ import annotations

import dataclasses
import difflib
import json
import re
import shutil
import tempfile
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from appliance.bundles.manifest import state
from appliance.bundles.verify import sha256
from appliance.errors import AvatarError
from appliance.face.adapter import Adapter

CARD, NET, ENCODER = "card.toml", "net.onnx", "encoder.onnx"
FORMAT = 1
_NON_COMMERCIAL = re.compile(r"non-?\s?commercial|\bNC\b|research[- ]only|only.*research|personal", re.IGNORECASE)
_AGAIN = "remove it, and add its file again"


@dataclass(frozen=True, slots=True)
class Card:
    """What is known of an installed net."""

    file: str
    """What its file was called."""
    bytes: int
    """Size of that file."""
    sha256: str
    """Hash of that file."""
    licence: str
    """What whoever installed it said: an SPDX name, or a sentence."""
    upstream: str
    """Who published it; empty where that was not said."""
    encoder: str
    """What its audio encoder's file was called; empty for a net that hears mel."""
    encoder_sha256: str
    """Hash of that file."""
    size: int
    """Side of its picture, pixels."""
    ms_per_frame: float
    """What one picture took when it was installed, whole, on one thread."""
    adapter: Adapter
    """How it is run."""

    @property
    def non_commercial(self) -> bool:
        """Whether its licence forbids to earn money with it, as far as its words tell."""
        return _NON_COMMERCIAL.search(self.licence) is not None


def folder() -> Path:
    """Where they lie: in $APPLIANCE_HOME, else in XDG's folder for state."""
    return state() / "nets"


def installed() -> dict[str, Path]:
    """The folder of every installed net by its name."""
    return {path.parent.name: path.parent for path in sorted(folder().glob(f"*/{CARD}"))}


def find(name: str) -> Path:
    """The folder of an installed net.

    Raises:
        AvatarError: code not-found, with the nearest name.
    """
    known = installed()
    if name in known:
        return known[name]
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]}?" if near else "`appliance models list` shows those that are installed"
    raise AvatarError(f"there is no face net {name}", code="not-found", hint=hint)


def read_card(path: Path) -> Card:
    """What is known of the net in a folder.

    Raises:
        AvatarError: code incompatible.
    """
    try:
        values: dict[str, Any] = tomllib.loads((path / CARD).read_text(encoding="utf-8"))
        if values.pop("format") != FORMAT:
            raise ValueError("another format")
        values["adapter"] = Adapter(**values["adapter"])
        return Card(**values)
    except (OSError, ValueError, TypeError, KeyError) as error:
        message = f"the card of the face net {path.name} cannot be used: {error}"
        raise AvatarError(message, code="incompatible", hint=_AGAIN) from error


def verified(path: Path) -> Card:
    """The card of the net in a folder, once its files are what it says.

    Raises:
        AvatarError: codes incompatible, not-found, checksum-mismatch.
    """
    card = read_card(path)
    for name, wanted in ((NET, card.sha256), (ENCODER, card.encoder_sha256)):
        if not wanted:
            continue
        if not (path / name).is_file():
            raise AvatarError(f"{name} of the face net {path.name} is missing", code="not-found", hint=_AGAIN)
        if sha256(path / name) != wanted:
            message = f"{name} of the face net {path.name} is not the file its card names"
            raise AvatarError(message, code="checksum-mismatch", hint=_AGAIN)
    return card


def keep(name: str, card: Card, net: Path, encoder: Path | None) -> Path:
    """Copy a net's files beside its card, all or nothing; one of the same name is replaced. Returns the folder.

    Raises:
        AvatarError: code unwritable.
    """
    target = folder() / name
    try:
        folder().mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder(), prefix=".add-") as temporary:
            part = Path(temporary) / name
            part.mkdir()
            shutil.copyfile(net, part / NET)
            if encoder is not None:
                shutil.copyfile(encoder, part / ENCODER)
            (part / CARD).write_text(_toml(card), encoding="utf-8")
            if target.exists():
                target.rename(Path(temporary) / "old")
            part.rename(target)
    except OSError as error:
        message = f"{error.filename or target} cannot be written: {error.strerror}"
        raise AvatarError(message, code="unwritable", hint="free some space, or set APPLIANCE_HOME") from error
    return target


def remove(name: str) -> None:
    """Remove an installed net.

    Raises:
        AvatarError: code not-found.
    """
    shutil.rmtree(find(name))


def _toml(card: Card) -> str:
    values = dataclasses.asdict(card)
    adapter: dict[str, object] = values.pop("adapter")
    return "\n".join([*_lines({"format": FORMAT} | values), "", "[adapter]", *_lines(adapter), ""])


def _lines(values: Mapping[str, object]) -> list[str]:
    """A string, number or truth value is in JSON what it is in TOML."""
    return [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in values.items()]
