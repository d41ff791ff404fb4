"""`python -m appliance.face.training OUT --minutes N`: make the talking-face net and the default avatar."""

from __future__ import annotations

import argparse
import dataclasses
import json
import logging
import sys
import time
from pathlib import Path

import numpy as np
import torch

from appliance.face.training import audio_net, export, measure, pack, painting, pictures
from appliance.face.training.generator import Generator
from appliance.face.training.look import HOUSE

SEED = 7
SENTENCES = (420, 640)
"""Spoken by Piper, and by espeak-ng."""
NET, AVATAR = "talking-face.onnx", "default.avatar"


class _Progress(logging.Formatter):
    """One line a step of the work, with its numbers."""

    _OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}

    def format(self, record: logging.LogRecord) -> str:
        values = " ".join(f"{key}={value}" for key, value in vars(record).items() if key not in self._OWN)
        return f"{time.strftime('%H:%M:%S')} {record.getMessage()} {values}"


def main(arguments: list[str] | None = None) -> int:
    """Train, export, draw the avatar and measure; return 0."""
    parser = argparse.ArgumentParser(prog="python -m appliance.face.training", description=__doc__)
    parser.add_argument("out", type=Path, help="folder for the net, the avatar, checkpoints and figures")
    parser.add_argument("--minutes", type=float, default=120.0, help="for training; a third goes to the audio half")
    parser.add_argument("--voice", type=Path, required=True, help="a Piper voice (.onnx beside its .json)")
    parser.add_argument("--threads", type=int, default=1, help="torch threads")
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoints in OUT")
    options = parser.parse_args(arguments)
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(_Progress())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    torch.set_num_threads(options.threads)
    torch.manual_seed(SEED)
    options.out.mkdir(parents=True, exist_ok=True)
    _make(options.out, options.voice, options.minutes, resume=options.resume)
    return 0


def _make(out: Path, voice: Path, minutes: float, *, resume: bool) -> None:
    corpus = audio_net.build_corpus(voice, SEED, SENTENCES, out / "corpus.npz")
    audio, generator = audio_net.AudioNet(), Generator()
    kept = {"audio": out / "audio.pt", "generator": out / "generator.pt"}
    if resume:
        audio.load_state_dict(torch.load(kept["audio"]))
        generator.load_state_dict(torch.load(kept["generator"]))
    data = np.load(corpus)
    spoken = data["params"][data["starts"]].astype(np.float32)
    curves = {"audio": audio_net.train(audio, corpus, minutes=minutes / 3, seed=SEED, checkpoint=kept["audio"])}
    studio = pictures.Studio(SEED, spoken)
    if not resume:
        pictures.train(generator, studio, minutes=minutes / 4, checkpoint=kept["generator"], rate=2e-3)
        painting.train_head(generator, studio, minutes=minutes / 15)
    curves["generator"] = pictures.train(generator, studio, minutes=minutes * 0.35, checkpoint=kept["generator"])
    export.draw_curve(curves, out / "training.png")
    net = export.export(audio, generator, out / NET, notes={"seed": str(SEED), "minutes": str(minutes)})
    avatar = pack.build(out / AVATAR, HOUSE, name="default", net=NET)
    figures = {kind: dataclasses.asdict(found) for kind, found in measure.measure(net, avatar, voice).items()}
    (out / "figures.json").write_text(json.dumps(figures, indent=2), encoding="utf-8")
    logging.getLogger(__name__).info("measured", extra=figures)


if __name__ == "__main__":
    sys.exit(main())
