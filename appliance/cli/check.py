"""`appliance check`: starts the box, speaks with it through LiveKit like a visitor, and prints the figures."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import sys
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, help="a configuration file")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")


def run(args: argparse.Namespace) -> int:
    """Exit status: 0 when every question was answered, else 1; or an AgentError."""
    from appliance.config import load
    from appliance.evaluation.bench import check, stoppable
    from appliance.evaluation.report import report, table

    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    logging.basicConfig(level=logging.ERROR, stream=sys.stderr)
    samples = asyncio.run(stoppable(check(load(args.config).config, args.config, _progress)))
    figures = report(samples, None, 1)
    print(json.dumps(figures) if args.json else table(figures))
    for error in samples.errors:
        print(error, file=sys.stderr)
    return 1 if samples.errors else 0


def _progress(text: str) -> None:
    print(f"  {text}", file=sys.stderr, flush=True)
