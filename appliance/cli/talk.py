"""`appliance talk`: a recorded question in, the answer as a talking face out, without any network."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

LONGEST_S = 120.0
_RATE_HZ = 16_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("question", help="a recording (wav, mp3, m4a, …), or - for the microphone")
    parser.add_argument("-o", "--out", type=Path, required=True, help="the film to write (.mp4)")
    parser.add_argument("--persona", help="who answers: a shipped persona's name or a TOML file")
    parser.add_argument("--avatar", help="whose face: an installed avatar's name or a pack's path")
    parser.add_argument("--net", help="which face net draws it: an installed one's name")
    parser.add_argument("--config", type=Path, help="a configuration file")
    parser.add_argument("--seconds", type=float, default=6.0, help="how long to listen to the microphone (default 6)")
    parser.add_argument("--json", action="store_true", help="print what was heard and said, and the timings, as JSON")


def run(args: argparse.Namespace) -> int:
    """Exit status: 0, or an AgentError."""
    from appliance.cli.offline import with_chain

    question = _microphone(args.seconds) if args.question == "-" else _recording(Path(args.question))
    film = with_chain(args, lambda chain: chain.talk(question, _RATE_HZ, args.out))
    print(json.dumps(film) if args.json else f"heard: {film['heard']}\nreply: {film['reply']}\nfilm:  {args.out}")
    return 0


def _recording(path: Path) -> npt.NDArray[np.int16]:
    from appliance.stage.recording import read_speech

    return read_speech(path, rate_hz=_RATE_HZ, longest_s=LONGEST_S)


def _microphone(seconds: float) -> npt.NDArray[np.int16]:
    """Listen to ALSA's default microphone, (n,) int16 at 16 kHz."""
    import subprocess

    import numpy as np

    from appliance.errors import MediaError

    command = ["arecord", "-q", "-f", "S16_LE", "-r", str(_RATE_HZ), "-c", "1", "-d", str(round(seconds)), "-t", "raw"]
    print(f"speak now, {seconds:.0f} seconds …", file=sys.stderr)
    try:
        done = subprocess.run(command, capture_output=True, check=True)
    except FileNotFoundError as error:
        raise MediaError("arecord is not installed", code="no-microphone", hint="apt-get install alsa-utils") from error
    except subprocess.CalledProcessError as error:
        raise MediaError(
            f"the microphone cannot be read: {error.stderr.decode(errors='replace').strip()}",
            code="no-microphone",
            hint="plug one in, or give a recording",
        ) from error
    return np.frombuffer(done.stdout, np.int16)
