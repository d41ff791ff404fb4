"""Speaks into answers of the box, coughs into others, and measures how soon it stops and whether it goes on."""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import sys
from pathlib import Path

from appliance.cli.bench import results

_TITLE = "From the visitor's first audible sample to the avatar's last, and to its closed mouth"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--interruptions", type=results.positive, default=12, help="answers interrupted with words (default: 12)"
    )
    parser.add_argument(
        "--repeats", type=results.positive, default=2, help="how often each disturbance is tried (default: 2)"
    )
    parser.add_argument(
        "--sounds",
        type=Path,
        metavar="DIR",
        help="a folder of noises, and of rooms' impulse responses named rir* (default: made ones)",
    )
    parser.add_argument("--baseline", choices=["stock"], help="interrupt a plain livekit-agents session as well")
    results.add_options(parser, quick="two interruptions, one cough and one echo")


def run(args: argparse.Namespace) -> int:
    """Exit status: 0, 1 when there were errors; or an AgentError."""
    results.prepare()
    from appliance.config import load
    from appliance.evaluation.bench import stoppable
    from appliance.evaluation.interruption import Options, measure, report
    from appliance.evaluation.plot import dots

    cuts, repeats = (2, 1) if args.quick else (args.interruptions, args.repeats)
    options = Options(cuts, repeats, args.sounds, args.quick, args.baseline == "stock", args.config)
    measured = asyncio.run(stoppable(measure(load(args.config).config, options, results.progress)))
    box, baseline = measured["box"], measured.get("stock")
    rows = {"silence": box.silence_ms, "mouth": box.closed_mouth_ms}
    if baseline is not None:
        rows["stock"] = baseline.silence_ms
    everything = {name: dataclasses.asdict(samples) for name, samples in measured.items()}
    results.show(args, report(box, baseline), everything, dots(rows, _TITLE))
    for name, samples in measured.items():
        for error in samples.errors:
            print(f"{name}: {error}", file=sys.stderr)
    return 1 if box.errors else 0
