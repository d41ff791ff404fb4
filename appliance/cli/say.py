"""`appliance say`: a text in, a film of the avatar saying it out."""

from __future__ import annotations

import argparse
import json
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("text", help="what the avatar says")
    parser.add_argument("-o", "--out", type=Path, required=True, help="the film to write (.mp4)")
    parser.add_argument("--persona", help="who speaks: a shipped persona's name or a TOML file")
    parser.add_argument("--avatar", help="whose face: an installed avatar's name or a pack's path")
    parser.add_argument("--net", help="which face net draws it: an installed one's name")
    parser.add_argument("--config", type=Path, help="a configuration file")
    parser.add_argument("--json", action="store_true", help="print the timings as JSON")


def run(args: argparse.Namespace) -> int:
    """Exit status: 0, or an AgentError."""
    from appliance.cli.offline import with_chain

    film = with_chain(args, lambda chain: chain.say(args.text, args.out))
    print(json.dumps(film) if args.json else f"film: {args.out} ({film['audio_s']} s)")
    return 0
