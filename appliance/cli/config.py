"""`appliance config`: every setting in force, and where it came from."""

from __future__ import annotations

import argparse
import dataclasses
import json
from pathlib import Path

from appliance.config import load


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, help="a configuration file")
    parser.add_argument("--json", action="store_true", help="print a list of {key, value, origin}")


def run(args: argparse.Namespace) -> int:
    """Exit status: 0, or an AgentError where a setting is wrong."""
    settings = list(load(args.config).settings())
    if args.json:
        print(json.dumps([dataclasses.asdict(setting) for setting in settings], indent=2))
        return 0
    width = max(len(f"{setting.key} = {setting.value}") for setting in settings)
    for setting in settings:
        print(f"{f'{setting.key} = {setting.value}':<{width}}  # {setting.origin}")
    return 0
