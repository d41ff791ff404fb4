#!/usr/bin/env python3
"""Every question one after the other, several times: the medians, beside what the project promises of two cores.

    .venv/bin/python benchmarks/table.py --recordings FOLDER --sounds FOLDER

Takes two hours; nothing else may run meanwhile, not even an editor. What was measured stands in `--out` after each run;
`--resume` goes on there. Ctrl-C stops it. The exit status is 1 where a promise is not kept.

A virtual machine shares its processors with others. Of each run it is kept which share of the time that it wanted to
compute the host gave to others ("steal"); a run that lost more than a tenth so is disturbed: it is made again, at most
`--repeats` times, and is left out of the medians, but not out of the file. With `--patience` each waits for the host.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"


@dataclass(frozen=True)
class Bound:
    """One figure that is promised."""

    path: str
    """Where it stands in the question's JSON: keys, with | between."""
    limit: float
    at_least: bool = False
    """Else at most."""
    either_way: bool = False
    """Whether what is below 0 counts by its size."""

    def of(self, figures: dict[str, Any]) -> float | None:
        """The figure; None where it was not measured."""
        value: Any = figures
        for key in self.path.split("|"):
            value = value.get(key) if isinstance(value, dict) else None
        return float(value) if isinstance(value, int | float) else None

    def kept(self, value: float) -> bool:
        value = abs(value) if self.either_way else value
        return value >= self.limit if self.at_least else value <= self.limit


QUESTIONS: dict[str, tuple[list[str], list[Bound]]] = {
    "stt": (["--quick"], [Bound("ratio", 0.35), Bound("wer|worse", 0.003)]),
    "llm": (
        ["--quick"],
        [
            Bound("first_token_ms|p50", 150),
            Bound("batch_gain_16", 1.6, at_least=True),
            Bound("prefix_reuse", 0.95, at_least=True),
            Bound("cancel_ms|p95", 250),
        ],
    ),
    "tts": (["--quick"], [Bound("first_audio_ms|p50", 80), Bound("samples_differing", 0)]),
    "face": (["--quick"], [Bound("ms_per_frame", 10), Bound("core_share_speaking", 0.4)]),
    "conversation": (
        ["--turns", "30", "--pauses", "12", "--spoken"],
        [
            Bound("mouth_to_ear_ms|p50", 800),
            Bound("mouth_to_ear_ms|p95", 1400),
            Bound("ratio|mouth_to_ear_p50", 0.45),
            Bound("known_question_ms|p50", 650),
            Bound("heard_in_pause|0.6", 0.05),
            Bound("heard_in_pause|1.0", 0.30),
            Bound("av_offset_ms|p95_abs", 45),
        ],
    ),
    "interruption": ([], [Bound("silence_ms|p95", 250), Bound("closed_mouth_ms|p95", 350)]),
    "capacity": (
        ["--visitors-max", "10"],
        [
            Bound("speaking", 3, at_least=True),
            Bound("connected", 10, at_least=True),
            Bound("refusal_ms", 100),
            Bound("errors", 0),
            Bound("isolation_leaks", 0),
        ],
    ),
    "churn": ([], [Bound("mib_per_visit", 0.3), Bound("threads_delta", 0), Bound("descriptors_delta", 0)]),
    "sync": ([], [Bound("offset_ms|p95_abs", 45), Bound("drift_ms", 5, either_way=True)]),
}
ONCE = ("sync",)
"""Half an hour is many answers."""
STOLEN_MOST = 0.1
"""Of the time that a run wanted to compute. With 0.1 a language model is as fast as with 0.02, with 0.5 a third as."""
_PROBE_S, _PAUSE_S = 3.0, 20.0
_PROCESSORS = Path("/proc/stat")


def measure(name: str, done: list[dict[str, Any]], options: argparse.Namespace) -> Iterator[dict[str, Any] | None]:
    """Run a question until as many runs as are wanted were undisturbed; each is added to `done`, but a failed one."""
    wanted = count(name, options.runs)
    failed = 0
    for number in range(len(done), wanted + options.repeats):
        if len(quiet(done)) + failed >= wanted:
            return
        wait_for_quiet(options.patience)
        figures = run(name, number, options, with_stock=not done)
        failed += figures is None
        if figures is not None:
            done.append(figures)
        yield figures


def run(name: str, number: int, options: argparse.Namespace, *, with_stock: bool) -> dict[str, Any] | None:
    """One run; None where the question could not be measured, which is told.

    Args:
        with_stock: whether a conversation is held with its baseline, too, in turns, which takes twice as long as ours
            alone. The first is, disturbed or not: what slows one of the two slows the other.
    """
    arguments = list(QUESTIONS[name][0])
    if options.recordings and name in ("stt", "conversation"):
        arguments += ["--clips" if name == "stt" else "--questions", str(options.recordings)]
    if options.sounds and name == "interruption":
        arguments += ["--sounds", str(options.sounds)]
    if name == "conversation" and with_stock:
        arguments += ["--baseline", "stock"]
    command = [sys.executable, "-m", "appliance", "bench", name, *arguments, "--save", str(RESULTS), "--json"]
    started_s, before = time.monotonic(), ticks()
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    took = f"{time.monotonic() - started_s:.0f} s"
    if done.returncode != 0 or not done.stdout.strip():
        print(f"{name}, run {number + 1}: failed with status {done.returncode} after {took}", flush=True)
        return None
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    if name == "stt":
        figures["wer"]["worse"] = figures["wer"]["ours"] - figures["wer"]["stock"]
    figures["stolen"] = stolen(before, ticks())
    print(f"{name}, run {number + 1}: {took}, {figures['stolen']:.0%} of its time taken by others", flush=True)
    return figures


def ticks() -> tuple[int, int]:
    """Since start of the machine, of all its processors: busy, and taken by the host while they had something to do."""
    user, nice, system, _, _, irq, softirq, steal = (int(word) for word in _PROCESSORS.read_text().split()[1:9])
    return user + nice + system + irq + softirq, steal


def stolen(before: tuple[int, int], after: tuple[int, int]) -> float:
    """The share of the time between in which there was something to compute and the host did not let it."""
    busy, taken = after[0] - before[0], after[1] - before[1]
    return round(taken / max(1, busy + taken), 3)


def wait_for_quiet(minutes: float) -> None:
    """Return when three seconds of computing are left alone, or when the minutes are over."""
    end_s = time.monotonic() + 60 * minutes
    while time.monotonic() < end_s:
        before, until_s = ticks(), time.monotonic() + _PROBE_S
        while time.monotonic() < until_s:
            pass
        taken = stolen(before, ticks())
        if taken <= STOLEN_MOST:
            return
        print(f"others take {taken:.0%} of the machine's time: waiting", flush=True)
        time.sleep(_PAUSE_S)


def quiet(done: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The runs that nobody disturbed."""
    return [run for run in done if run.get("stolen", 0.0) <= STOLEN_MOST]


def count(name: str, wanted: int) -> int:
    return 1 if name in ONCE else wanted


def rows(measured: dict[str, list[dict[str, Any]]]) -> Iterator[tuple[str, str, str, bool]]:
    """Figure, its median with all its values, its bound, and whether it is kept."""
    for name, (_, bounds) in QUESTIONS.items():
        for bound in bounds:
            done = measured.get(name, [])
            undisturbed = [value for run in quiet(done) if (value := bound.of(run)) is not None]
            values = undisturbed or [value for run in done if (value := bound.of(run)) is not None]
            if not values:
                continue
            median = statistics.median(values)
            every = " / ".join(f"{value:g}" for value in values)
            if not undisturbed:
                every += ", all disturbed"
            limit = f"at {'least' if bound.at_least else 'most'} {bound.limit:g}"
            yield f"{name} {bound.path.replace('|', ' ')}", f"{median:g} ({every})", limit, bound.kept(median)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; 1 where a promise is not kept or a question could not be measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("questions", nargs="*", metavar="QUESTION", help=f"of {', '.join(QUESTIONS)} (default: all)")
    parser.add_argument("--runs", type=int, default=3, help="of each; sync is measured once (default: 3)")
    parser.add_argument("--repeats", type=int, default=3, help="of a question whose runs were disturbed (default: 3)")
    parser.add_argument(
        "--patience", type=float, default=0.0, metavar="MIN", help="before each run, to wait for the host (default: 0)"
    )
    parser.add_argument("--recordings", type=Path, help="a folder of spoken questions with references.tsv")
    parser.add_argument("--sounds", type=Path, help="a folder of noises, and of rooms' responses named rir*")
    parser.add_argument("--out", type=Path, default=RESULTS / "table.json", help="(default: %(default)s)")
    parser.add_argument("--resume", action="store_true", help="keep what stands there, and measure the rest")
    options = parser.parse_args(arguments)
    if unknown := sorted(set(options.questions) - set(QUESTIONS)):
        parser.error(f"there is no question {', '.join(unknown)}")
    measured: dict[str, list[dict[str, Any]]] = json.loads(options.out.read_text()) if options.resume else {}
    missing = 0
    try:
        for name in options.questions or QUESTIONS:
            done = measured.setdefault(name, [])
            for figures in measure(name, done, options):
                missing += figures is None
                options.out.write_text(json.dumps(measured, indent=1) + "\n")
    except KeyboardInterrupt:
        print("stopped: --resume goes on", file=sys.stderr)
    table = list(rows(measured))
    for figure, values, limit, kept in table:
        print(f"{'  ' if kept else '! '}{figure:38} {values:44} {limit}")
    return int(missing > 0 or not all(kept for *_, kept in table))


if __name__ == "__main__":
    sys.exit(main())
