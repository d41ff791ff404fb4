"""Keeps the box speaking, and compares its lips with its voice as both arrive at a client."""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import sys

from appliance.cli.bench import results

_QUICK_S = 20.0
_TITLE = "Pictures behind the voice at the visitor, one dot an answer"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--minutes", type=float, default=30.0, help="how long it is kept speaking (default: 30)")
    results.add_options(parser, quick="twenty seconds of speech, too short to tell a drift")


def run(args: argparse.Namespace) -> int:
    """Exit status: 0, 1 when there were errors; or an AgentError."""
    results.prepare()
    from appliance.config import load
    from appliance.evaluation.bench import stoppable
    from appliance.evaluation.plot import scatter
    from appliance.evaluation.sync import measure

    seconds = _QUICK_S if args.quick else args.minutes * 60
    samples = asyncio.run(stoppable(measure(load(args.config).config, args.config, seconds, results.progress)))
    plot = scatter({"offset": samples.offset_ms}, _TITLE, ("minutes", "ms late"))
    results.show(args, samples.summary(), dataclasses.asdict(samples), plot)
    for error in samples.errors:
        print(error, file=sys.stderr)
    return 1 if samples.errors else 0
