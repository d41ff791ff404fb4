"""`appliance bench conversation`: spoken conversations with the box, measured at the visitor's side."""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import json
import logging
import os
import platform
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from appliance.evaluation.bench import Outcome


_LATE_MS = 50.0
"""A microphone that is later says more about the machine than about the box."""

_FROZEN = 0.1
"""Share of lip movements whose loss a visitor would notice."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    what = parser.add_subparsers(dest="what", required=True, metavar="WHAT")
    conversation = what.add_parser(
        "conversation",
        help="latency, lips, frames, barge-in and cleanup",
        description="Starts the box, speaks with it through LiveKit, and measures what a visitor hears and sees.",
    )
    conversation.add_argument("--turns", type=_positive, default=10, help="questions of each visitor (default: 10)")
    conversation.add_argument("--sessions", type=_positive, default=1, help="visitors at the same time (default: 1)")
    conversation.add_argument(
        "--interruptions", type=_count, help="answers of each visitor that are interrupted (default: half the turns)"
    )
    conversation.add_argument(
        "--questions", type=Path, help="a folder of recordings (default: the persona's questions)"
    )
    conversation.add_argument("--baseline", choices=["stock"], help="measure a plain livekit-agents session as well")
    conversation.add_argument("--quick", action="store_true", help="three turns and one interruption")
    conversation.add_argument("--config", type=Path, help="a configuration file")
    conversation.add_argument("--save", type=Path, help="a folder for every single measurement and a plot")
    conversation.add_argument("--json", action="store_true", help="print the figures as JSON")


def run(args: argparse.Namespace) -> int:
    """Exit status: 0, 1 when there were errors; or an AgentError."""
    from appliance.config import load
    from appliance.evaluation.bench import Options, measure, stoppable
    from appliance.evaluation.report import report, table

    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    logging.basicConfig(level=logging.ERROR, stream=sys.stderr)
    turns = 3 if args.quick else args.turns
    cuts = 1 if args.quick else args.interruptions if args.interruptions is not None else (turns + 1) // 2
    options = Options(turns, args.sessions, cuts, args.questions, args.baseline == "stock", args.config)
    outcome = asyncio.run(stoppable(measure(load(args.config).config, options, _progress)))
    _progress("")
    figures = report(outcome.box, outcome.baseline, args.sessions)
    print(json.dumps(figures) if args.json else table(figures))
    for remark in _remarks(outcome):
        print(remark, file=sys.stderr)
    if args.save:
        print(f"saved: {_save(args.save, figures, outcome)}", file=sys.stderr)
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


def _save(folder: Path, figures: dict[str, Any], outcome: Outcome) -> Path:
    from appliance.evaluation.plot import dots

    folder.mkdir(parents=True, exist_ok=True)
    path = folder / time.strftime("conversation-%Y%m%d-%H%M%S.json")
    measured = {"box": dataclasses.asdict(outcome.box)}
    rows = {"box": outcome.box.mouth_to_ear_ms}
    if outcome.baseline is not None:
        measured["stock"] = dataclasses.asdict(outcome.baseline)
        rows["stock"] = outcome.baseline.mouth_to_ear_ms
    path.write_text(json.dumps({"machine": _machine(), "figures": figures, "measured": measured}, indent=1) + "\n")
    title = "From the last sound of a question to the first of its answer, at the visitor"
    path.with_suffix(".svg").write_text(dots(rows, title))
    return path


def _machine() -> dict[str, Any]:
    """What the figures were measured on; nothing that names it."""
    names = [line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")]
    memory = next((line.split()[1] for line in _lines("/proc/meminfo") if line.startswith("MemTotal")), "0")
    return {
        "cpu": names[0] if names else platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(int(memory) / 2**20, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "load_1min": round(os.getloadavg()[0], 1),
    }


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines() if Path(path).exists() else []


def _progress(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return value


def _count(text: str) -> int:
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError("not below 0")
    return value
