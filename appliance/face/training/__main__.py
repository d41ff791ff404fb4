"""`python -m appliance.face.training PART OUT`: make one part of the talking-face net, or join the parts.

`appliance avatar train` runs `sound` and `pictures` beside each other, each on a core of its own, and then `join`.
"""

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

from appliance.bundles.manifest import load
from appliance.face.listener import Listener
from appliance.face.mel import MELS_PER_S
from appliance.face.training import audio_net, corpus, export, listening, measure, pack, painting, pictures
from appliance.face.training.both import CORPORA
from appliance.face.training.generator import Generator
from appliance.face.training.look import HOUSE
from appliance.face.training.speakers import Espeak
from appliance.face.training.speech import sentences
from appliance.face.visemes import tracks

SEED = 7
COUNTS = corpus.Counts()
NET, LISTENER, AVATAR = "talking-face.onnx", "listener.onnx", "default.avatar"
_CURVES = "sound", "listening", "pictures"
_MOUTHS = 300
"""Sentences whose mouths are drawn."""


class _Progress(logging.Formatter):
    """One line a step of the work, with its numbers."""

    _OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}

    def format(self, record: logging.LogRecord) -> str:
        values = " ".join(f"{key}={value}" for key, value in vars(record).items() if key not in self._OWN)
        return f"{time.strftime('%H:%M:%S')} {record.getMessage()} {values}"


def main(arguments: list[str] | None = None) -> int:
    """Make a part; return 0."""
    parser = argparse.ArgumentParser(prog="python -m appliance.face.training", description=__doc__)
    parser.add_argument("part", choices=tuple(_PARTS), help="what to make")
    parser.add_argument("out", type=Path, help="folder for checkpoints, the net, the avatar and the figures")
    parser.add_argument("--minutes", type=float, default=40.0, help="for training this part (default: 40)")
    parser.add_argument("--resume", action="store_true", help="go on from the part's checkpoint in OUT")
    options = parser.parse_args(arguments)
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(_Progress())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    torch.manual_seed(SEED)
    options.out.mkdir(parents=True, exist_ok=True)
    _PARTS[options.part](options.out, options.minutes, options.resume)
    return 0


def _voices() -> corpus.Voices:
    opens = load("training").opens
    return corpus.Voices(piper=opens["voice"], kokoro=opens["kokoro"])


def _whisper() -> Path:
    return load("nano").opens["ears"]


def _sound(out: Path, minutes: float, resume: bool) -> None:
    windows, stretches = (out / name for name in CORPORA)
    if not (windows.exists() and stretches.exists()):
        speeches = list(corpus.spoken(_voices(), SEED, COUNTS))
        corpus.build(speeches, SEED, windows)
        listening.build(speeches, _whisper(), SEED, stretches)
    net, kept = audio_net.AudioNet(), out / "sound.pt"
    if resume and kept.exists():
        net.load_state_dict(torch.load(kept))
    _keep(out, "sound", audio_net.train(net, windows, minutes=minutes / 2, seed=SEED, checkpoint=kept))
    listener, kept = listening.ListeningNet(), out / "listening.pt"
    if resume and kept.exists():
        listener.load_state_dict(torch.load(kept))
    curve = listening.train(listener, stretches, minutes=minutes / 2, seed=SEED, checkpoint=kept)
    _keep(out, "listening", curve)


def _pictures(out: Path, minutes: float, resume: bool) -> None:
    espeak = Espeak()
    said = [espeak.speak(text, "en-us").phones for text in sentences(SEED, _MOUTHS)]
    mouths = np.concatenate([tracks(phones, np.arange(0, phones[-1].end_s, 1 / MELS_PER_S)) for phones in said])
    studio, net, kept = pictures.Studio(SEED, mouths), Generator(), out / "pictures.pt"
    if resume and kept.exists():
        net.load_state_dict(torch.load(kept))
    else:
        pictures.train(net, studio, minutes=minutes * 0.4, checkpoint=kept, rate=2e-3)
        painting.train_head(net, studio, minutes=minutes * 0.1)
    curve = pictures.train(net, studio, minutes=minutes * (1.0 if resume else 0.5), checkpoint=kept)
    _keep(out, "pictures", curve)


def _keep(out: Path, part: str, curve: list[tuple[int, float]]) -> None:
    (out / f"{part}.json").write_text(json.dumps(curve), encoding="utf-8")


def _join(out: Path, minutes: float, resume: bool) -> None:
    audio, generator, listener = audio_net.AudioNet(), Generator(), listening.ListeningNet()
    audio.load_state_dict(torch.load(out / "sound.pt"))
    listener.load_state_dict(torch.load(out / "listening.pt"))
    generator.load_state_dict(torch.load(out / "pictures.pt"))
    curves = {part: json.loads((out / f"{part}.json").read_text(encoding="utf-8")) for part in _CURVES}
    export.draw_curve(curves, out / "training.png")
    net = export.export(audio, generator, out / NET, notes={"seed": str(SEED)})
    hears = Listener(listening.export(listener, _whisper(), out / LISTENER, notes={"seed": str(SEED)}), _whisper())
    avatar = pack.build(out / AVATAR, HOUSE, name="default", net=NET)
    voice = _voices().piper
    found = {"net": measure.measure(net, avatar, voice), "listener": measure.listen(hears, voice)}
    figures = {
        part: {kind: dataclasses.asdict(figures) for kind, figures in kinds.items()} for part, kinds in found.items()
    }
    (out / "figures.json").write_text(json.dumps(figures, indent=2), encoding="utf-8")
    logging.getLogger(__name__).info("measured", extra=figures)


_PARTS = {"sound": _sound, "pictures": _pictures, "join": _join}

if __name__ == "__main__":
    sys.exit(main())
