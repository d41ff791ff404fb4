"""`appliance models`: what the model files are and whose, bringing them, and checking each by its hash."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

from appliance.bundles.fetch import fetch
from appliance.bundles.manifest import Manifest, ModelFile, load
from appliance.bundles.verify import fault, verify
from appliance.config import load as load_config

_BAR = 24
_REDRAW_S = 0.2
_LINE_S = 15.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=("list", "fetch", "verify"), help="what to do")
    parser.add_argument("--manifest", help="a manifest's name or path (default: the one of the settings)")
    parser.add_argument("--config", type=Path, help="a configuration file")
    parser.add_argument("--json", action="store_true", help="print the files as JSON")


def run(args: argparse.Namespace) -> int:
    """Exit status: 0, or 1 where `list` or `verify` found a file that is not right."""
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
    _print(bundle, states, as_json=args.json)
    return int(any(state not in ("ok", "present") for state in states.values())) if args.action == "verify" else 0


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


def _print(bundle: Manifest, states: dict[ModelFile, str], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"manifest": bundle.name, "files": [_fields(file, states[file]) for file in bundle.files]}))
        return
    for file in bundle.files:
        print(f"{file.role:<10} {file.name:<34} {file.bytes / 1e6:7.1f} MB  {states[file]:<18} {file.licence}")
        print(f"{'':<10} {file.upstream}")


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
