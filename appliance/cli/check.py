"""`appliance check`: starts the box, speaks with it through LiveKit like a visitor, and prints the figures."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import sys
from pathlib import Path

_TURNS, _INTERRUPTIONS = 2, 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, help="a configuration file")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")


def run(args: argparse.Namespace) -> int:
    """Exit status: 0 when every question was answered, else 1; or an AgentError."""
    from appliance.config import load
    from appliance.evaluation.bench import Options, measure
    from appliance.evaluation.report import report, table

    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    logging.basicConfig(level=logging.ERROR, stream=sys.stderr)
    options = Options(_TURNS, 1, _INTERRUPTIONS, None, False, args.config)
    outcome = asyncio.run(measure(load(args.config).config, options, _progress))
    figures = report(outcome.box, None, 1)
    print(json.dumps(figures) if args.json else table(figures))
    for error in outcome.box.errors:
        print(error, file=sys.stderr)
    return 1 if outcome.box.errors else 0


def _progress(text: str) -> None:
    print(f"  {text}", file=sys.stderr, flush=True)
