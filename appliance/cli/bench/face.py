"""Draws what the voice says with the box's face and the stock way, in turns, and publishes it in real time to somebody
who watches: what a frame costs, and what share of a core a speaking face takes."""

from __future__ import annotations

import argparse
import asyncio
import dataclasses

from appliance.cli.bench import results

_TITLE = "A 512x512 frame with composition on one thread, one dot a stretch of 24 frames"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rounds", type=results.positive, default=12, help="stretches each way draws (default: 12)")
    parser.add_argument("--runs", type=results.positive, default=3, help="utterances in real time (default: 3)")
    results.add_options(parser, quick="five stretches and one utterance of ten seconds")


def run(args: argparse.Namespace) -> int:
    """Exit status: 0; or an AgentError."""
    results.prepare()
    from appliance.bundles.verify import files
    from appliance.config import load
    from appliance.evaluation.bench import stoppable
    from appliance.evaluation.engines.face import Plan, measure
    from appliance.evaluation.plot import dots

    config = load(args.config).config
    plan = Plan(5, 1, 10.0, 2.0) if args.quick else Plan(args.rounds, args.runs, 20.0, 4.0)
    samples = asyncio.run(stoppable(measure(config, files(config.models.manifest), plan, results.progress)))
    plot = dots({"box": samples.ms_per_frame, "stock": samples.stock_ms_per_frame}, _TITLE, step_ms=5)
    results.show(args, samples.figures(), dataclasses.asdict(samples), plot)
    return 0
