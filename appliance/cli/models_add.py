"""`appliance models add`: a face net's file in; it is tried on the shipped avatar, and installed under its licence."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from pathlib import Path

from appliance.bundles.manifest import load as load_manifest
from appliance.bundles.verify import sha256
from appliance.config import load as load_config
from appliance.errors import AvatarError

_LICENCE_HINT = (
    "--licence takes an SPDX name or a sentence; Wav2Lip's own weights are for non-commercial use only, "
    "and so are nets that were trained further from them"
)
_REAL_TIME_MS = 40.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, help="an .onnx file with the inputs of Wav2Lip or Ultralight Digital Human")
    parser.add_argument("--role", choices=("face",), required=True, help="what it is for")
    parser.add_argument("--name", default="", help="its name here (default: the file's)")
    parser.add_argument("--licence", default="", help="SPDX name or a sentence (default: asked for)")
    parser.add_argument("--upstream", default="", help="who published it")
    parser.add_argument(
        "--colours", choices=("bgr", "rgb"), help="their order (default: tried, else bgr as in Wav2Lip)"
    )
    parser.add_argument(
        "--audio-encoder", type=Path, help="the .onnx file that makes the features it hears: waveform in, HuBERT's out"
    )
    parser.add_argument("--replace", action="store_true", help="replace the one of that name")


def run(args: argparse.Namespace) -> int:
    """Exit status: 0; or an AvatarError."""
    from appliance.face import names, nets
    from appliance.face.avatar import load_avatar
    from appliance.face.probe import Prober

    file: Path = args.file
    name = args.name or names.slug(file.stem)[: names.LONGEST]
    names.check(name, "a face net", nets.installed(), replace=args.replace)
    encoder: Path | None = args.audio_encoder
    if sys.stderr.isatty():
        print(f"trying {file.name} on the shipped avatar …", file=sys.stderr)
    probed = Prober(file, load_avatar(_shipped_avatar(args.config)), encoder=encoder).probe(args.colours)
    hears_features = probed.adapter.kind == "ultralight"
    encoder = encoder if hears_features else None
    card = nets.Card(
        file=file.name,
        bytes=file.stat().st_size,
        sha256=sha256(file),
        licence=args.licence.strip() or _asked(file.name),
        upstream=args.upstream,
        encoder=encoder.name if encoder else "",
        encoder_sha256=sha256(encoder) if encoder else "",
        size=probed.size,
        ms_per_frame=probed.ms_per_frame,
        adapter=probed.adapter,
    )
    path = nets.keep(name, card, file, encoder)
    if args.json:
        told = dataclasses.asdict(card) | {"probe": dataclasses.asdict(probed), "commercial": not card.non_commercial}
        print(json.dumps({"name": name, "path": str(path), **told}))
        return 0
    adapter = probed.adapter
    print(f"installed: {name}, {probed.size}x{probed.size}, {adapter.kind}, draws {adapter.region} in {adapter.draws}")
    print(f"colours: {adapter.colours}" + ("" if probed.colours_told else ", as in Wav2Lip; if lips look blue: rgb"))
    slow = "; too slow to draw every frame in time" if probed.ms_per_frame > _REAL_TIME_MS else ""
    print(f"one picture: {probed.ms_per_frame:.1f} ms on one thread, whole{slow}")
    print(f"licence: {card.licence}" + ("; NOT for commercial use" if card.non_commercial else ""))
    print(f'show it: [face] net = "{name}", or `appliance say "…" --net {name} -o out.mp4`')
    return 0


def _asked(file: str) -> str:
    """The licence, from whoever sits at the terminal."""
    answer = ""
    if sys.stdin.isatty():
        print(f"{_LICENCE_HINT}.", file=sys.stderr)
        print(f"licence of {file}: ", end="", file=sys.stderr, flush=True)
        answer = sys.stdin.readline().strip()
    if not answer:
        message = f"{file} is not installed without its licence"
        raise AvatarError(message, code="licence-missing", hint=_LICENCE_HINT)
    return answer


def _shipped_avatar(config: Path | None) -> Path:
    return load_manifest(load_config(config).config.models.manifest).opens["avatar"]
