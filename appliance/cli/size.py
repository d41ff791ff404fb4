"""`appliance size`: how many visitors this machine serves, measured and kept for `appliance serve`."""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import json
import logging
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from appliance.evaluation.size import Size

_LACKS = {
    "cores": "processor time",
    "face": "time of the face engine",
    "ears": "time of the ears",
    "mind": "time of the mind",
    "voice": "time of the voice",
    "answer": "time to answer in",
    "conversations": "conversations that the mind keeps (mind.sequences)",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, help="a configuration file")
    parser.add_argument("--quick", action="store_true", help="two rounds of each engine instead of six")
    parser.add_argument("--json", action="store_true", help="print everything measured as JSON")
    parser.add_argument(
        "--write",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="keep the result, which `appliance serve` reads at its next start",
    )


def run(args: argparse.Namespace) -> int:
    """Exit status: 0, or an AgentError."""
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    logging.basicConfig(level=logging.ERROR, stream=sys.stderr)
    from appliance import capacity
    from appliance.config import load
    from appliance.evaluation.size import measure

    config = load(args.config).config
    own = capacity.fingerprint(config)
    size = asyncio.run(measure(config, quick=args.quick, progress=_progress))
    _progress("")
    figures = report(size)
    figures["machine"] = {"cpu": own.cpu, "cores": own.cores, "gpu": own.gpu}
    if args.write:
        figures["written"] = str(capacity.write(size.headroom.capacity, own, figures))
    print(json.dumps(figures) if args.json else table(figures))
    return 0


def report(size: Size) -> dict[str, Any]:
    """Everything measured and computed, in the words of `--json`."""
    capacity = size.headroom.capacity
    ladder = [
        {"step": rung.step.name, "visitors": rung.visitors, "next_lacks": size.headroom.lacks.get(rung.step.name, "")}
        for rung in capacity.rungs
    ]
    return {
        "speaking": capacity.speaking,
        "connected": capacity.connected,
        "ladder": ladder,
        **dataclasses.asdict(size.figures),
    }


def table(figures: Mapping[str, Any]) -> str:
    """The same for people, with what it comes to in the last sentence."""
    machine, tokens = figures["machine"], figures["llm_tokens_per_s"]
    rows = [
        ("machine", f"{machine['cores']} x {machine['cpu']}" + (f", {machine['gpu']}" if machine["gpu"] else "")),
        ("face", f"{figures['face_fps']:.0f} pictures a second while speaking, {figures['idle_fps']} in silence"),
        ("ears", f"{figures['stt_per_s']:.1f} utterances of 3 s a second; one alone takes {figures['stt_ms']:.0f} ms"),
        ("mind", ", ".join(f"{rate:.0f} tokens a second for {visitors}" for visitors, rate in tokens.items())),
        ("", f"first token of one alone after {figures['llm_first_token_ms']:.0f} ms"),
        ("voice", f"a second of speech in {1000 * figures['tts_rtf']:.0f} ms; first sound after "
                  f"{figures['tts_first_audio_ms']:.0f} ms"),
        ("encoder", f"about {figures['encode_fps']} pictures a second of one core (estimated with libvpx alone)"),
        ("", ""),
    ]  # fmt: skip
    for rung in figures["ladder"]:
        what = "a still face" if rung["step"] == "still" else f"{rung['step']} pictures a second"
        lack = _LACKS.get(rung["next_lacks"], "")
        rows.append((what, f"{rung['visitors']} visitors" + (f"; the next one lacks {lack}" if lack else "")))
    written = f" Kept in {figures['written']}; `appliance serve` reads it." if "written" in figures else ""
    lines = [f"{name:24}{text}".rstrip() for name, text in rows]
    return "\n".join([*lines, "", conclusion(figures) + written])


def conclusion(figures: Mapping[str, Any]) -> str:
    """One sentence."""
    speaking, connected = figures["speaking"], figures["connected"]
    full = figures["ladder"][0]["step"]
    if speaking < 1:
        return f"This machine is too slow for {full} pictures a second; it serves {connected} in all, with fewer."
    if connected == speaking:
        return f"This machine serves {speaking} at {full} pictures a second; one more waits in the queue."
    return (
        f"This machine serves {speaking} who talk at the same time at {full} pictures a second, "
        f"and up to {connected} with fewer; one more waits in the queue."
    )


def _progress(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)
