"""Lets more and more visitors in, and measures how many the box serves as it should, and how it refuses the next."""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import sys

from appliance.cli.bench import results

_TITLE = "How long visitors wait for an answer, by how many they are"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--visitors-max", type=results.positive, default=12, metavar="N", help="visitors at most (default: 12)"
    )
    parser.add_argument(
        "--turns", type=results.positive, default=2, help="questions of each at each number of visitors (default: 2)"
    )
    parser.add_argument(
        "--step", type=results.positive, default=2, help="how many more come at once to converse (default: 2)"
    )
    results.add_options(parser, quick="two visitors, one question each at once and one in turn, and the third refused")


def run(args: argparse.Namespace) -> int:
    """Exit status: 0, 1 when there were errors or leaks; or an AgentError."""
    results.prepare()
    from appliance.config import load
    from appliance.evaluation.bench import stoppable
    from appliance.evaluation.capacity import Options, measure
    from appliance.evaluation.plot import scatter

    options = Options(args.visitors_max, 1, args.turns, args.step, args.config)
    if args.quick:
        options = Options(2, 2, 1, 1, args.config)
    samples = asyncio.run(stoppable(measure(load(args.config).config, options, results.progress)))
    rows = {
        kind: [(float(level.visitors), ms) for level in samples.levels if level.kind == kind for ms in level.turn_ms]
        for kind in ("together", "connected")
    }
    plot = scatter(rows, _TITLE, ("visitors", "ms"))
    figures = samples.summary()
    results.show(args, figures, dataclasses.asdict(samples), plot)
    problems = [*samples.errors, *samples.leaks]
    for level in samples.levels:
        problems += [f"{level.visitors} {level.kind}: {error}" for error in level.errors]
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if figures["errors"] or samples.leaks else 0
