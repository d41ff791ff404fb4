"""Speaks with the language model through its bridge, and with the stock class, and measures first tokens, batching,
reading and letting go."""

from __future__ import annotations

import argparse
import asyncio
import dataclasses

from appliance.cli.bench import results

_TITLE = "From a question to the first token of its reply, visitors taking turns"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--visitors", type=results.positive, default=3, help="visitors who take turns (default: 3)")
    parser.add_argument("--turns", type=results.positive, default=10, help="questions of each visitor (default: 10)")
    results.add_options(parser, quick="two visitors, six questions each, and fewer of everything else")


def run(args: argparse.Namespace) -> int:
    """Exit status: 0; or an AgentError."""
    results.prepare()
    from appliance.bundles.verify import files
    from appliance.config import load
    from appliance.evaluation.bench import stoppable
    from appliance.evaluation.engines.llm import Plan, figures, measure
    from appliance.evaluation.plot import dots
    from appliance.personas.persona import load as load_persona

    config = load(args.config).config
    paths = files(config.models.manifest)
    plan = (
        Plan(visitors=2, turns=6, crowds=2, cancels=12, words=6)
        if args.quick
        else Plan(args.visitors, max(args.turns, 2))
    )
    persona = load_persona(config.session.persona)
    samples = asyncio.run(stoppable(measure(persona, paths, config.mind, plan, results.progress)))
    plot = dots({"box": samples.first_token_ms, "stock": samples.stock_first_token_ms}, _TITLE)
    results.show(args, figures(samples, plan), dataclasses.asdict(samples), plot)
    return 0
