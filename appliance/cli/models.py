"""`appliance models`: what the model files are and whose, bringing them, checking each by its hash; own face nets."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import cast

from appliance.bundles.fetch import fetch
from appliance.bundles.manifest import Manifest, ModelFile, load
from appliance.bundles.verify import fault, verify
from appliance.cli.models_add import add_arguments as add_net_arguments
from appliance.cli.models_add import run as add_net
from appliance.config import load as load_config
from appliance.errors import AvatarError

_BAR = 24
_REDRAW_S = 0.2
_LINE_S = 15.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION", title="actions")
    does = {
        "list": "what the model files are, whose, and under which licence",
        "fetch": "bring what is missing",
        "verify": "hash every file again",
        "add": "try a face net of your own, and install it",
        "remove": "remove an installed face net",
    }
    parsers = {name: actions.add_parser(name, help=text, description=f"{text}.") for name, text in does.items()}
    for name in ("list", "fetch", "verify"):
        parsers[name].add_argument("--manifest", help="a manifest's name or path (default: the one of the settings)")
    add_net_arguments(parsers["add"])
    parsers["remove"].add_argument("name", help="an installed face net")
    for action in parsers.values():
        action.add_argument("--config", type=Path, help="a configuration file")
        action.add_argument("--json", action="store_true", help="print the result as JSON")


def run(args: argparse.Namespace) -> int:
    """Exit status: 0, or 1 where `verify` found a file that is not right; or an AgentError."""
    if args.action == "add":
        return add_net(args)
    if args.action == "remove":
        from appliance.face import nets

        nets.remove(args.name)
        print(json.dumps({"name": args.name}) if args.json else f"removed: {args.name}")
        return 0
    bundle = load(args.manifest or load_config(args.config).config.models.manifest)
    if args.action == "fetch":
        brought = fetch(bundle, Bar("fetch"))
        _print(bundle, dict.fromkeys(bundle.files, "ok"), as_json=args.json)
        if not args.json:
            print(f"{len(brought)} files fetched, all {len(bundle.files)} verified")
        return 0
    if args.action == "verify":
        states = _verified(bundle)
    else:
        states = {file: "present" if _has_size(file) else "missing" for file in bundle.files}
    installed = _nets(verify=args.action == "verify")
    _print(bundle, states, installed, as_json=args.json)
    wrong = any(state not in ("ok", "present") for state in states.values()) or any("code" in net for net in installed)
    return int(args.action == "verify" and wrong)


def _nets(*, verify: bool) -> list[dict[str, object]]:
    """The installed face nets: their cards, or what is wrong with them."""
    from appliance.face import nets

    rows: list[dict[str, object]] = []
    for name, path in nets.installed().items():
        try:
            card = nets.verified(path) if verify else nets.read_card(path)
            told = dataclasses.asdict(card) | {"commercial": not card.non_commercial}
        except AvatarError as error:
            told = error.as_dict()
        rows.append({"name": name, **told, "path": str(path)})
    return rows


def _verified(bundle: Manifest) -> dict[ModelFile, str]:
    """Hash every file anew; the faults go to standard error, each with its remedy."""
    bar, total, done = Bar("verify"), sum(file.bytes for file in bundle.files), 0
    states: dict[ModelFile, str] = {}
    for file in bundle.files:
        bar(done, total, file.name)
        error = fault(file)
        states[file] = error.code if error else "ok"
        if error:
            print(f"\n{error}", file=sys.stderr)
        done += file.bytes
    bar(done, total, "")
    if all(state == "ok" for state in states.values()):
        verify(bundle)  # leaves its stamps, so that the next start need not hash
    return states


def _has_size(file: ModelFile) -> bool:
    return file.path.is_file() and file.path.stat().st_size == file.bytes


def _print(
    bundle: Manifest,
    states: dict[ModelFile, str],
    installed: Sequence[dict[str, object]] = (),
    *,
    as_json: bool,
) -> None:
    if as_json:
        files = [_fields(file, states[file]) for file in bundle.files]
        print(json.dumps({"manifest": bundle.name, "files": files, "nets": list(installed)}))
        return
    for file in bundle.files:
        print(f"{file.role:<10} {file.name:<34} {file.bytes / 1e6:7.1f} MB  {states[file]:<18} {file.licence}")
        print(f"{'':<10} {file.upstream}")
    for net in installed:
        if "code" in net:
            print(f"{'face':<10} {net['name']:<34} {net['message']} [{net['code']}]")
            continue
        size_mb = cast("int", net["bytes"]) / 1e6
        print(f"{'face':<10} {net['name']:<34} {size_mb:7.1f} MB  {'installed':<18} {net['licence']}")
        print(f"{'':<10} {net['upstream'] or 'unknown'}" + ("" if net["commercial"] else "; not for commercial use"))


def _fields(file: ModelFile, state: str) -> dict[str, object]:
    return {
        "role": file.role,
        "name": file.name,
        "bytes": file.bytes,
        "sha256": file.sha256,
        "licence": file.licence,
        "upstream": file.upstream,
        "hub": file.hub,
        "package": f"{file.package.kind}:{file.package.name}=={file.package.version}" if file.package else "",
        "path": str(file.path),
        "state": state,
    }


class Bar:
    """Progress on standard error: a bar on a terminal, a line now and then elsewhere."""

    def __init__(self, verb: str) -> None:
        self._verb = verb
        self._terminal = sys.stderr.isatty()
        self._last_s = 0.0

    def __call__(self, done: int, total: int, what: str) -> None:
        now_s = time.monotonic()
        if not total or (done < total and now_s - self._last_s < (_REDRAW_S if self._terminal else _LINE_S)):
            return
        self._last_s = now_s
        share = done / total
        text = f"{self._verb} {share:4.0%}  {done / 1e6:.0f} of {total / 1e6:.0f} MB  {what}"
        if self._terminal:
            bar = "#" * round(share * _BAR)
            print(f"\r\033[K[{bar:<{_BAR}}] {text}", end="\n" if done >= total else "", file=sys.stderr, flush=True)
        else:
            print(text, file=sys.stderr, flush=True)
