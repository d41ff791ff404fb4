"""Starts the box, speaks with it through LiveKit, and measures what a visitor hears and sees."""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from appliance.cli.bench import results

if TYPE_CHECKING:
    from appliance.evaluation.bench import Outcome

_LATE_MS = 50.0
"""A microphone that is later says more about the machine than about the box."""
_FROZEN = 0.1
"""Share of lip movements whose loss a visitor would notice."""
_TITLE = "From the last sound of a question to the first of its answer, at the visitor"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--turns", type=results.positive, default=10, help="questions of each visitor (default: 10)")
    parser.add_argument("--sessions", type=results.positive, default=1, help="visitors at the same time (default: 1)")
    parser.add_argument(
        "--interruptions",
        type=results.count,
        help="answers of each visitor that are interrupted (default: half the turns)",
    )
    parser.add_argument(
        "--pauses",
        type=results.count,
        help="further questions with a pause of 0.6 s inside, and as many with one of 1.0 s (default: 3; quick: 0)",
    )
    parser.add_argument("--questions", type=Path, help="a folder of recordings (default: the persona's questions)")
    parser.add_argument("--spoken", action="store_true", help="ask the persona's questions beside the recordings")
    parser.add_argument("--baseline", choices=["stock"], help="measure a plain livekit-agents session as well")
    results.add_options(parser, quick="three turns and one interruption")


def run(args: argparse.Namespace) -> int:
    """Exit status: 0, 1 when there were errors; or an AgentError."""
    results.prepare()
    from appliance.config import load
    from appliance.evaluation.bench import Options, measure, stoppable
    from appliance.evaluation.plot import dots
    from appliance.evaluation.report import report, table

    turns = 3 if args.quick else args.turns
    cuts = 1 if args.quick else args.interruptions if args.interruptions is not None else (turns + 1) // 2
    pauses = args.pauses if args.pauses is not None else 0 if args.quick else 3
    options = Options(
        turns, args.sessions, cuts, args.questions, args.spoken, pauses, args.baseline == "stock", args.config
    )
    outcome = asyncio.run(stoppable(measure(load(args.config).config, options, results.progress)))
    results.progress("")
    figures = report(outcome.box, outcome.baseline, args.sessions)
    print(json.dumps(figures) if args.json else table(figures))
    for remark in _remarks(outcome):
        print(remark, file=sys.stderr)
    if args.save:
        systems = {"box": outcome.box, "stock": outcome.baseline}
        measured = {name: samples for name, samples in systems.items() if samples is not None}
        plot = dots({name: samples.mouth_to_ear_ms for name, samples in measured.items()}, _TITLE)
        everything = {name: dataclasses.asdict(samples) for name, samples in measured.items()}
        print(f"saved: {results.save(args.save, args.what, figures, everything, plot)}", file=sys.stderr)
    return 1 if outcome.box.errors else 0


def _remarks(outcome: Outcome) -> Iterator[str]:
    """What went wrong, and what makes the figures doubtful."""
    for name, samples in (("box", outcome.box), ("stock", outcome.baseline)):
        if samples is None:
            continue
        yield from (f"{name}: {error}" for error in samples.errors)
        late_ms = max(samples.microphone_late_ms, default=0.0)
        if late_ms > _LATE_MS:
            yield (
                f"{name}: this machine was so busy that the visitor's microphone was {late_ms:.0f} ms late: "
                "measure again when it is quiet"
            )
    frozen = max(outcome.box.lips_frozen, default=0.0)
    if frozen > _FROZEN:
        yield f"box: in one answer {frozen:.0%} of the lip movements did not arrive: the face was not drawn in time"
    if outcome.box.errors:
        yield f"the end of the box's log:\n{outcome.log}"
