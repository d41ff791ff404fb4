"""What all measurements share: options, progress, a table for people, and the file with the machine it was made on."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def add_options(parser: argparse.ArgumentParser, quick: str) -> None:
    """The options that every measurement has.

    Args:
        quick: what `--quick` measures.
    """
    parser.add_argument("--quick", action="store_true", help=quick)
    parser.add_argument("--config", type=Path, help="a configuration file")
    parser.add_argument("--save", type=Path, help="a folder for every single measurement and a plot")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")


def prepare() -> None:
    """Before heavy libraries are loaded: no model hub, and only errors in the log."""
    import logging

    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    logging.basicConfig(level=logging.ERROR, stream=sys.stderr)


def progress(text: str) -> None:
    """Say what is being done, in the terminal's last line."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def show(args: argparse.Namespace, figures: Mapping[str, Any], measured: Mapping[str, Any], plot: str) -> None:
    """Print the figures as asked for, and save them where that was asked for.

    Args:
        measured: every single measurement.
        plot: an SVG of them.
    """
    progress("")
    print(json.dumps(figures) if args.json else table(figures))
    if args.save:
        print(f"saved: {save(args.save, args.what, figures, measured, plot)}", file=sys.stderr)


def table(figures: Mapping[str, Any], prefix: str = "") -> str:
    """Figures for people, one a line; what was not measured says so."""
    lines: list[str] = []
    for key, value in figures.items():
        name = f"{prefix} {key}".strip()
        if isinstance(value, Mapping):
            lines.append(table(value, name))
        else:
            lines.append(f"{name:40}{'not measured' if value is None else value:>12}")
    return "\n".join(line for line in lines if line)


def save(folder: Path, what: str, figures: Mapping[str, Any], measured: Mapping[str, Any], plot: str) -> Path:
    """Write `what`-DATE-TIME.json and .svg into `folder`, and return the first."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / time.strftime(f"{what}-%Y%m%d-%H%M%S.json")
    path.write_text(json.dumps({"machine": machine(), "figures": figures, "measured": measured}, indent=1) + "\n")
    path.with_suffix(".svg").write_text(plot)
    return path


def machine() -> dict[str, Any]:
    """What figures are measured on; nothing that names it."""
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


def positive(text: str) -> int:
    """An option's value that must be at least 1."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return value


def count(text: str) -> int:
    """An option's value that must not be negative."""
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError("not below 0")
    return value


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines() if Path(path).exists() else []
