"""`appliance bench WHAT`: measures one thing beside a stock baseline; one file a measurement."""

from __future__ import annotations

import argparse
import importlib

MEASUREMENTS = {
    "conversation": "latency, lips, frames, barge-in and cleanup",
    "llm": "first tokens, batching, reading and cancelling of the language model",
    "interruption": "how soon it falls silent for words, and whether for coughs and echoes too",
    "sync": "lips against voice over a long time",
    "capacity": "how many visitors at once, what the next one is told, and whether any hears another",
    "churn": "what visits leave behind: memory, threads, descriptors",
    "tts": "first sound, speed and samples of the voice",
    "face": "a frame of the face, and its share of a core",
    "lipsync": "lips against phonemes, read off the finished pictures",
    "stt": "speech to words: time and word error rate",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    what = parser.add_subparsers(dest="what", required=True, metavar="WHAT", title="measurements")
    for name, text in MEASUREMENTS.items():
        module = importlib.import_module(f"appliance.cli.bench.{name}")
        module.add_arguments(what.add_parser(name, help=text, description=module.__doc__))


def run(args: argparse.Namespace) -> int:
    """Exit status: 0, 1 when there were errors; or an AgentError."""
    return int(importlib.import_module(f"appliance.cli.bench.{args.what}").run(args))
