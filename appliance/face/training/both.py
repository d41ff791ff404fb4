"""From nothing to a face net: fetches the voices, trains its two halves beside each other, joins and measures them."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from ctypes import util
from pathlib import Path
from typing import IO

from appliance.bundles.fetch import fetch
from appliance.bundles.manifest import load
from appliance.bundles.verify import Progress
from appliance.errors import AvatarError
from appliance.face.training.speakers import PROGRAMS

HALVES = ("sound", "pictures")
CORPORA = ("corpus.npz", "heard.npz")
"""What is spoken once: for the half that listens, and for the listener."""
_SPEAKING = 20.0
"""Minutes in which what listens has its corpus spoken, and heard by Whisper; the other half draws in them."""
_MODULES = ("torch", "skia", "pocketsphinx")


def check() -> None:
    """See that everything is there that training needs.

    Raises:
        AvatarError: code not-installed.
    """
    missing = [name for name in _MODULES if importlib.util.find_spec(name) is None]
    if missing:
        raise AvatarError(
            f"training needs {' and '.join(missing)}", code="not-installed", hint="run scripts/setup --train"
        )
    programs = {"flite": shutil.which("flite"), "libespeak-ng": util.find_library("espeak-ng")}
    if absent := [name for name, found in programs.items() if found is None]:
        raise AvatarError(
            f"training needs {' and '.join(absent)}", code="not-installed", hint=f"install them {PROGRAMS}"
        )


def train(out: Path, minutes: float, *, resume: bool, say: Callable[[str], None], fetching: Progress) -> None:
    """Make net, avatar, curve and figures in `out`, on two cores.

    Args:
        minutes: for all but joining and measuring, which take five.
        resume: go on from the checkpoints in `out`.
        say: told each line of progress.
        fetching: told the bytes of the voices' packages.
    Raises:
        AvatarError: code not-installed, training-failed. BundleError: a voice could not be fetched.
    """
    check()
    for manifest in ("training", "nano"):
        fetch(load(manifest), fetching)
    out.mkdir(parents=True, exist_ok=True)
    spoken = all((out / name).exists() for name in CORPORA)
    spans = {"sound": minutes if spoken else max(minutes - _SPEAKING, minutes / 4), "pictures": minutes}
    run({part: [part, str(out), "--minutes", str(spans[part])] for part in HALVES}, resume=resume, say=say)
    run({"join": ["join", str(out)]}, resume=resume, say=say)


def run(parts: dict[str, list[str]], *, resume: bool, say: Callable[[str], None]) -> None:
    """Run parts side by side; all of them are stopped when one fails or when the user interrupts.

    Args:
        parts: by name, the words after `python -m appliance.face.training`.
    Raises:
        AvatarError: code training-failed.
    """
    flags = ["--resume"] if resume else []
    running = {
        part: subprocess.Popen(
            [sys.executable, "-u", "-m", "appliance.face.training", *words, *flags],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for part, words in parts.items()
    }
    last = dict.fromkeys(parts, "")
    relays = [
        threading.Thread(target=_relay, args=(part, process.stdout, say, last)) for part, process in running.items()
    ]
    for relay in relays:
        relay.start()
    try:
        for part, process in running.items():
            if process.wait() != 0:
                raise AvatarError(
                    f"training {part} failed: {last[part]}",
                    code="training-failed",
                    hint="its lines above tell more; with --resume it goes on from its checkpoints",
                )
    finally:
        for process in running.values():
            process.terminate()
            process.wait()
        for relay in relays:
            relay.join()


def _relay(part: str, lines: IO[str] | None, say: Callable[[str], None], last: dict[str, str]) -> None:
    assert lines is not None
    with lines:
        for line in lines:
            last[part] = line.strip()
            say(f"{part:<9}{last[part]}")
