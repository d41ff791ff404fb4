"""Visits the box again and again, some visitors are killed, and measures what it keeps of them."""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import sys

from appliance.cli.bench import results

_QUICK = 12
_TITLE = "Memory of the daemon after each visit"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--visits", type=results.positive, default=100, help="short visits in a row (default: 100)")
    results.add_options(parser, quick=f"{_QUICK} visits, of which half warm it up")


def run(args: argparse.Namespace) -> int:
    """Exit status: 0, 1 when there were errors; or an AgentError."""
    results.prepare()
    from appliance.evaluation.bench import appliance, stoppable
    from appliance.evaluation.churn import measure
    from appliance.evaluation.plot import scatter

    visits = _QUICK if args.quick else args.visits
    samples = asyncio.run(stoppable(measure(appliance(args.config), visits, results.progress)))
    rows = {
        "resident": [(float(n), usage.resident_mib) for n, usage in enumerate(samples.visits, 1)],
        "its own": [(float(n), usage.anonymous_mib) for n, usage in enumerate(samples.visits, 1)],
    }
    plot = scatter(rows, _TITLE, ("visits", "MiB"))
    results.show(args, samples.summary(), dataclasses.asdict(samples), plot)
    for error in samples.errors:
        print(error, file=sys.stderr)
    return 1 if samples.errors else 0
