"""Has the box's voice, or people in recordings, say what its face was not trained on, reads the lips off the pictures,
and holds them to the phonemes' times."""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
from pathlib import Path

from appliance.cli.bench import results

_TITLE = "How far the lips come after the sound, one dot a sentence (ms)"
_FEW = 4
_NOISE_DB = 20.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--text", type=Path, help="a file of sentences, one a line (default: 16 of ours)")
    speakers = parser.add_mutually_exclusive_group()
    speakers.add_argument(
        "--strangers",
        action="store_true",
        help="three voices of espeak-ng and flite speak instead that are in no training, and the face listens",
    )
    speakers.add_argument(
        "--wav",
        type=Path,
        metavar="DIR",
        help="a folder of recordings of English speech with references.tsv: people speak instead, and the face listens",
    )
    parser.add_argument("--avatar", type=Path, help="an avatar pack (default: the configured one)")
    parser.add_argument(
        "--mel-only", action="store_true", help="keep the phonemes from the face: it listens, as to any other voice"
    )
    parser.add_argument("--noise", type=float, metavar="DB", help="white noise so many decibels below the voice")
    parser.add_argument(
        "--sounds",
        type=Path,
        metavar="DIR",
        help="a folder of recorded noises to put under the voice instead, 20 dB below it unless --noise says otherwise",
    )
    parser.add_argument(
        "--syncnet",
        type=Path,
        metavar="FILE",
        help="SyncNet's weights, syncnet_v2.model, which are not ours to bring: LSE-C and LSE-D are measured with them",
    )
    parser.add_argument(
        "--film", type=Path, help="write a film with the curves of what was asked for and what was read beside the face"
    )
    results.add_options(parser, quick="four sentences")


def run(args: argparse.Namespace) -> int:
    """Exit status: 0; or an AgentError."""
    results.prepare()
    from appliance.bundles.verify import files
    from appliance.config import load
    from appliance.evaluation import clips, disturbances
    from appliance.evaluation.bench import stoppable
    from appliance.evaluation.engines.lip_speech import Noise
    from appliance.evaluation.engines.lipsync import HELD_OUT, Plan, lines_of, measure
    from appliance.evaluation.plot import dots

    config = load(args.config).config
    if args.avatar is not None:
        config = dataclasses.replace(config, face=dataclasses.replace(config.face, avatar=str(args.avatar)))
    few = slice(_FEW if args.quick else None)
    recordings = clips.of_folder(args.wav)[few] if args.wav else []
    below_db = _NOISE_DB if args.noise is None and args.sounds else args.noise
    noise = None if below_db is None else Noise(below_db, disturbances.noises_of(args.sounds) if args.sounds else ())
    sentences = lines_of(args.text or HELD_OUT)[few]
    plan = Plan(sentences, args.mel_only, noise, args.strangers, recordings, args.syncnet, args.film)
    samples = asyncio.run(stoppable(measure(config, files(config.models.manifest), plan, results.progress)))
    plot = dots({"box": [abs(line.offset_ms) for line in samples.lines]}, _TITLE, step_ms=20)
    results.show(args, samples.figures(), dataclasses.asdict(samples), plot)
    return 0
