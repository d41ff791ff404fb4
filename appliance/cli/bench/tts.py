"""Lets the voice and Piper's own call speak sentences of 12 s in turn, and measures first sound, speed and samples."""

from __future__ import annotations

import argparse
import dataclasses

from appliance.cli.bench import results

_TITLE = "From a sentence of 12 s to its first sound"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--repetitions", type=results.positive, default=15, help="of each of three sentences (default: 15)"
    )
    results.add_options(parser, quick="four repetitions of each sentence")


def run(args: argparse.Namespace) -> int:
    """Exit status: 0; or an AgentError."""
    results.prepare()
    from appliance.bundles.verify import files
    from appliance.config import load
    from appliance.evaluation.engines.tts import Plan, figures, measure
    from appliance.evaluation.plot import dots

    config = load(args.config).config
    voice = files(config.models.manifest)["voice"]
    plan = Plan(repetitions=4, wholes=1) if args.quick else Plan(repetitions=args.repetitions)
    samples = measure(voice, config.voice, plan, results.progress)
    plot = dots({"box": samples.first_audio_ms, "stock": samples.stock_first_audio_ms}, _TITLE)
    results.show(args, figures(samples), dataclasses.asdict(samples), plot)
    return 0
