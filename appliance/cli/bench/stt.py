"""Lets our ears and `faster_whisper`'s `transcribe()` hear the same clips with the same model, and compares them."""

from __future__ import annotations

import argparse
from pathlib import Path

from appliance.cli.bench import results

_RECORDINGS = Path(__file__).resolve().parents[4] / "shared" / "data" / "speech"
"""Real speech beside the checkout, where there is some."""
_QUESTIONS = 12
_TITLE = "From the end of an utterance to its words"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--clips",
        type=Path,
        help="a folder of recordings with references.tsv (default: real recordings beside the checkout, "
        "else the persona's questions, spoken by the box)",
    )
    parser.add_argument("--rounds", type=results.positive, default=15, help="times each clip is heard (default: 15)")
    results.add_options(parser, quick="five rounds")


def run(args: argparse.Namespace) -> int:
    """Exit status: 0; or an AgentError."""
    results.prepare()
    from appliance.bundles.verify import files
    from appliance.config import load
    from appliance.ears.whisper import WhisperEngine
    from appliance.evaluation import clips as recorded
    from appliance.evaluation.engines import stt
    from appliance.evaluation.plot import dots
    from appliance.personas.persona import load as load_persona

    config = load(args.config).config
    paths = files(config.models.manifest)
    folder = args.clips or (_RECORDINGS if _RECORDINGS.is_dir() else None)
    if folder is not None:
        clips, source = recorded.of_folder(folder), "recordings"
    else:
        clips = stt.of_persona(load_persona(config.session.persona), paths["voice"], _QUESTIONS)
        source = "the persona's questions, spoken by the box"
    engine = WhisperEngine(paths["ears"], config.ears)
    engine.load()
    engine.warm_up()
    runs_on = engine.runs_on
    systems = {"ours": stt.listen_with(engine), "stock": stt.stock(paths["ears"], config.ears, runs_on)}
    heard = stt.measure(clips, systems, 5 if args.quick else args.rounds, results.progress)
    engine.close()
    figures = {**stt.figures(clips, heard), "source": source, "device": runs_on[0]}
    plot = dots(
        {name: [ms for values in system.ms.values() for ms in values] for name, system in heard.items()}, _TITLE
    )
    measured = {name: {"ms": system.ms, "words": system.words} for name, system in heard.items()}
    results.show(args, figures, measured, plot)
    return 0
