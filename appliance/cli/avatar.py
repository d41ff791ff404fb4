"""`appliance avatar`: which there are and whose, what one looks like; making, bringing, handing out, removing one."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from appliance.bundles import signing
from appliance.bundles.manifest import load as load_manifest
from appliance.cli import avatar_create
from appliance.cli.models import Bar
from appliance.config import load as load_config
from appliance.errors import AvatarError
from appliance.face import packs
from appliance.face.avatar import Avatar, load_avatar, read_card
from appliance.face.training import both

_SHIPPED = "default"
"""The avatar of the manifest; an installed one of this name comes first."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION", title="actions")
    one = {
        "list": "the avatars that can be shown",
        "info": "what one says of itself",
        "preview": "a picture of one: its face at rest and frames of its film",
        "export": "write a copy of one",
        "import": "verify a pack and install it",
        "key": "the fingerprint of the key by which this box signs what it makes and exports",
        "remove": "remove an installed one",
        "train": "train the face net from nothing, on two cores, with its avatar, curve and figures",
        "create": "make one from a photo or a film and install it",
    }
    parsers = {name: actions.add_parser(name, help=text, description=f"{text}.") for name, text in one.items()}
    for name in ("info", "preview", "export"):
        parsers[name].add_argument(
            "avatar", nargs="?", default=_SHIPPED, help="name or path (default: the shipped one)"
        )
    for name in ("preview", "export"):
        parsers[name].add_argument("-o", "--out", type=Path, required=True, help="what to write")
    parsers["import"].add_argument("pack", type=Path, help="a file or folder")
    parsers["import"].add_argument("--name", default="", help="its name here (default: the one on its card)")
    parsers["import"].add_argument("--replace", action="store_true", help="replace the one of that name")
    signature = parsers["import"].add_mutually_exclusive_group()
    signature.add_argument("--trust", default="", metavar="FINGERPRINT", help="the key that signed it, from now on")
    signature.add_argument("--unsigned", action="store_true", help="take it although nobody signed it")
    avatar_create.add_arguments(parsers["create"])
    parsers["remove"].add_argument("name", help="an installed avatar")
    train = parsers["train"]
    train.add_argument("-o", "--out", type=Path, required=True, help="a folder for all that is made")
    train.add_argument("--minutes", type=_minutes, default=54.0, help="for all but the last five (default: 54)")
    train.add_argument("--resume", action="store_true", help="go on from the checkpoints in the folder")
    for action in parsers.values():
        action.add_argument("--config", type=Path, help="a configuration file")
        action.add_argument("--json", action="store_true", help="print the result as JSON")


def run(args: argparse.Namespace) -> int:
    """Exit status: 0; or an AvatarError."""
    result, text = _ACTIONS[args.action](args)
    print(json.dumps(result, default=str) if args.json else text)
    return 0


def _list(args: argparse.Namespace) -> tuple[Any, str]:
    known = packs.installed()
    if _SHIPPED not in known:
        known = {_SHIPPED: _shipped(args), **known}
    chosen = load_config(args.config).config.face.avatar or _SHIPPED
    rows: list[dict[str, Any]] = []
    for name, path in known.items():
        try:
            card = read_card(path)
            told = {"size": f"{card.width}x{card.height}", "seconds": card.frames / card.fps, "licence": card.licence}
        except AvatarError as error:
            told = {"error": str(error), "code": error.code}
        rows.append({"name": name, "chosen": name == chosen, **told, "path": str(path)})
    lines = [
        f"{'*' if row['chosen'] else ' '} {row['name']:<24} "
        + (row.get("error") or f"{row['size']:<10} {row['seconds']:5.1f} s  {row['licence']}")
        for row in rows
    ]
    return rows, "\n".join(lines)


def _info(args: argparse.Namespace) -> tuple[Any, str]:
    path = _path(args)
    avatar = load_avatar(path)
    told = dataclasses.asdict(avatar.card) | {
        "path": str(path),
        "bytes": path.stat().st_size if path.is_file() else sum(file.stat().st_size for file in path.iterdir()),
        "memory_mib": round(avatar.frames.nbytes / 2**20),
        "measurable": avatar.ruler is not None,
        "own_net": avatar.net is not None,
        "signed_by": avatar.signer,
    }
    shown = {key: value for key, value in told.items() if key != "files"}
    shown["signed_by"] = (avatar.signer or "nobody") + " (this box)" * signing.is_own(avatar.signer)
    shown["clips"] = ", ".join(clip.name for clip in avatar.card.clips) or "one loop"
    return told, "\n".join(f"{key:<12} {value}" for key, value in shown.items())


def _preview(args: argparse.Namespace) -> tuple[Any, str]:
    _write(args.out, _sheet(load_avatar(_path(args))))
    return {"out": str(args.out)}, f"picture: {args.out}"


def _export(args: argparse.Namespace) -> tuple[Any, str]:
    out = packs.hand_out(str(_path(args)), args.out)
    return {"out": str(out)}, f"avatar: {out}"


def _import(args: argparse.Namespace) -> tuple[Any, str]:
    name, card = packs.bring(
        args.pack, args.name, replace=args.replace, trust=args.trust.lower(), unsigned=args.unsigned
    )
    text = f'installed: {name} ({card.licence}, by {card.author}); show it with [face] avatar = "{name}"'
    return {"name": name, "path": str(packs.installed()[name])}, text


def _key(args: argparse.Namespace) -> tuple[Any, str]:
    own = signing.own()
    return {"fingerprint": own}, own


def _remove(args: argparse.Namespace) -> tuple[Any, str]:
    packs.remove(args.name)
    return {"name": args.name}, f"removed: {args.name}"


def _train(args: argparse.Namespace) -> tuple[Any, str]:
    both.train(args.out, args.minutes, resume=args.resume, say=_to_stderr, fetching=Bar("fetch"))
    figures = json.loads((args.out / "figures.json").read_text(encoding="utf-8"))
    told = [f"{part}, {kind}: {values}" for part, kinds in figures.items() for kind, values in kinds.items()]
    return figures, "\n".join([f"nets, avatar, curve and figures: {args.out}", *told])


def _minutes(text: str) -> float:
    minutes = float(text)
    if not 0 < minutes < 10_000:
        raise argparse.ArgumentTypeError(f"{text} is no length of time")
    return minutes


def _to_stderr(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


_ACTIONS = {
    "list": _list,
    "info": _info,
    "preview": _preview,
    "export": _export,
    "import": _import,
    "key": _key,
    "remove": _remove,
    "train": _train,
    "create": avatar_create.run,
}


def _path(args: argparse.Namespace) -> Path:
    if args.avatar == _SHIPPED and _SHIPPED not in packs.installed():
        return _shipped(args)
    return packs.find(args.avatar)


def _shipped(args: argparse.Namespace) -> Path:
    return load_manifest(load_config(args.config).config.models.manifest).opens["avatar"]


def _sheet(avatar: Avatar) -> NDArray[np.uint8]:
    """The face at rest beside eight frames of its film: BGR."""
    size = avatar.width // 2 // 2 * 2, avatar.height // 2 // 2 * 2
    at = np.linspace(0, avatar.n_frames, 8, endpoint=False).astype(int)
    pictures = [cv2.cvtColor(avatar.frames[index], cv2.COLOR_YUV2BGR_I420) for index in (0, *at)]
    small = [cv2.resize(picture, size, interpolation=cv2.INTER_AREA) for picture in pictures[1:]]
    rows = [np.concatenate(small[start : start + 4], 1) for start in (0, 4)]
    return np.concatenate([cv2.resize(pictures[0], (2 * size[0], 2 * size[1])), np.concatenate(rows)], 1)


def _write(out: Path, picture: NDArray[np.uint8]) -> None:
    try:
        written = cv2.imwrite(str(out), picture)
    except cv2.error:
        written = False
    if not written:
        raise AvatarError(
            f"{out} cannot be written", code="unwritable", hint="name a .png or .jpg in a folder of yours"
        )
