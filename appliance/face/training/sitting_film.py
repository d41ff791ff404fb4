"""A presenter in, a film as of a person in front of a camera that is held by hand out: speaks, then listens.

`python -m appliance.face.training.sitting_film OUT.mp4`. `appliance avatar create --video` is tried with it where no
film of a consenting person may be kept: all of it is drawn, and what it should find is known.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from piper import PiperVoice

from appliance.bundles.manifest import load
from appliance.config import FaceConfig
from appliance.face.life import Life
from appliance.face.mel import RATE_HZ
from appliance.face.renderer import FaceRenderer, RenderedFrame, RenderRequest
from appliance.face.training.film import write_film
from appliance.face.training.speakers import with_piper
from appliance.face.training.speech import sentences
from appliance.face.visemes import tracks
from appliance.phoneme import Phoneme

Floats = NDArray[np.float32]

_GAP_S = 0.4
"""Between two sentences."""
_SHAKE_PX, _SHAKE_S = 2.5, 0.6
"""How far the hand shakes at 512 pixels, one standard deviation, and how slowly."""
_TURN_DEG = 0.25
"""How far it turns, one standard deviation."""
_NOISE = 2.5
"""Levels of the sensor's noise, one standard deviation."""


@dataclass(frozen=True, slots=True)
class Sitting:
    """What happens in the film."""

    spoken_s: float = 24.0
    """At least so long is spoken,"""
    rest_s: float = 12.0
    """and then only listened."""
    seed: int = 7
    """Of the sentences, the hand and the noise."""


def write(files: Mapping[str, Path], out: Path, sitting: Sitting, say: Callable[[str], None]) -> Path:
    """Draw the film, H.264 and AAC, in the avatar's size and rate.

    Args:
        files: for the roles face, avatar and voice.
        say: told each line of progress.
    """
    config = FaceConfig(ai_label=False)
    renderer = FaceRenderer(files["face"], files["avatar"], config)
    renderer.load()
    pcm, phones = _speech(PiperVoice.load(files["voice"], include_alignments=True), sitting)
    n_frames = len(pcm) * config.fps // RATE_HZ
    mouths = tracks(phones, np.arange(n_frames) / config.fps)
    life = Life(renderer.avatar.card.clips, renderer.avatar.n_frames, str(sitting.seed))
    shown = tuple(life.frame(index) for index in range(n_frames))
    drawn = renderer.pictures(RenderRequest(tuple(range(n_frames)), mouths, frames=shown))
    width, height = renderer.avatar.width, renderer.avatar.height
    filmed: list[RenderedFrame] = []
    for item in _by_hand(drawn, (width, height), n_frames, sitting.seed, fps=config.fps):
        filmed.append(item)
        if len(filmed) % 100 == 0 or len(filmed) == n_frames:
            say(f"drawn {len(filmed)} of {n_frames}")
    renderer.close()
    return write_film(filmed, (width, height), pcm, out, fps=config.fps)


def _speech(voice: PiperVoice, sitting: Sitting) -> tuple[Floats, list[Phoneme]]:
    """The sentences with their gaps, and the quiet after them: (n,) at 16 kHz."""
    pick, gap = random.Random(sitting.seed), np.zeros(round(_GAP_S * RATE_HZ), np.float32)
    sound, phones = [gap], list[Phoneme]()
    for text in sentences(sitting.seed, 100):
        at_s = sum(map(len, sound)) / RATE_HZ
        if at_s >= sitting.spoken_s:
            break
        speech = with_piper(voice, text, pick, ratio=1.0)
        phones += [phone.later(at_s) for phone in speech.phones]
        sound += [speech.pcm, gap]
    return np.concatenate([*sound, np.zeros(round(sitting.rest_s * RATE_HZ), np.float32)]), phones


def _by_hand(
    drawn: Iterator[RenderedFrame], size: tuple[int, int], count: int, seed: int, *, fps: int
) -> Iterator[RenderedFrame]:
    """The pictures as a camera in a hand sees them: it sways and turns a little, and its sensor is noisy."""
    width, height = size
    pick = np.random.default_rng(seed)
    right, down, turn = (_wandering(pick, count, fps) for _ in range(3))
    for at, item in enumerate(drawn):
        planes = np.frombuffer(item.picture, np.uint8).reshape(height * 3 // 2, width)
        picture = cv2.cvtColor(planes, cv2.COLOR_YUV2BGR_I420)
        move = cv2.getRotationMatrix2D((width / 2, height / 2), _TURN_DEG * float(turn[at]), 1.0)
        move[:, 2] += np.array([right[at], down[at]]) * _SHAKE_PX * height / 512
        moved = cv2.warpAffine(picture, move, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        noisy = moved + pick.normal(0, _NOISE, moved.shape)
        seen = cv2.cvtColor(np.clip(np.round(noisy), 0, 255).astype(np.uint8), cv2.COLOR_BGR2YUV_I420)
        yield RenderedFrame(item.index, seen.tobytes())


def _wandering(pick: np.random.Generator, count: int, fps: int) -> Floats:
    """(count,) smooth and random, of mean 0 and variance 1."""
    reach = round(3 * _SHAKE_S * fps)
    window = np.exp(-0.5 * (np.arange(-reach, reach + 1) / (_SHAKE_S * fps)) ** 2)
    path = np.convolve(pick.normal(size=count + 2 * reach), window, mode="valid")
    return ((path - path.mean()) / path.std()).astype(np.float32)


def main(arguments: list[str] | None = None) -> int:
    """Write the film; return 0."""
    parser = argparse.ArgumentParser(prog="python -m appliance.face.training.sitting_film", description=__doc__)
    parser.add_argument("out", type=Path, help="the film, .mp4")
    parser.add_argument("--avatar", type=Path, help="a presenter's pack (default: the one that comes with the net)")
    usual = Sitting()
    parser.add_argument("--spoken", type=float, default=usual.spoken_s, help="seconds of speech (default: 24)")
    parser.add_argument("--rest", type=float, default=usual.rest_s, help="seconds of listening (default: 12)")
    parser.add_argument("--seed", type=int, default=usual.seed, help="of what happens (default: 7)")
    options = parser.parse_args(arguments)
    files = dict(load("nano").opens)
    if options.avatar:
        files["avatar"] = options.avatar
    sitting = Sitting(options.spoken, options.rest, options.seed)
    write(files, options.out, sitting, print)
    return 0


if __name__ == "__main__":
    sys.exit(main())
