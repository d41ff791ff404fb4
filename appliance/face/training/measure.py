"""A net and sentences that it never heard in, figures of how well its lips follow the teacher out."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from piper import PiperVoice

from appliance.face.avatar import load_avatar
from appliance.face.compositor import Compositor
from appliance.face.drive import FromSpeech
from appliance.face.listener import Listener
from appliance.face.loop_net import face_input
from appliance.face.mel import RATE_HZ, mel_windows
from appliance.face.net import FaceNet
from appliance.face.training import speakers
from appliance.face.training.speech import Speech
from appliance.face.visemes import CLOSED, aperture, tracks

Floats = NDArray[np.float32]
Pixels = NDArray[np.uint8]

FPS = 25
HELD_OUT = tuple(Path(__file__).with_name("held_out.txt").read_text(encoding="utf-8").splitlines())
"""None of them is in sentences.txt."""
KINDS = ("joe", "pitched", speakers.STRANGERS[0])
"""Who speaks them to the net, see `spoken`,"""
HEARD_KINDS = ("joe", "pitched", *speakers.STRANGERS)
"""and to the listener: only joe, plain and pitched, is in its corpus."""
NOISE_DB = 20
"""White noise so far below the voice, where there is some."""
OPEN = 0.35
"""Aperture over which lips are plainly open."""


@dataclass(frozen=True, slots=True)
class Figures:
    """How one set of sentences came out."""

    correlation: float
    """Of the aperture with the teacher's, over all frames."""
    ratio: float
    """Spread of the aperture over the teacher's."""
    lag_frames: float
    """Where their cross-correlation peaks: positive is late."""
    closed_f1: float
    """F1 of closed frames inside speech."""
    base_rate: float
    """Share of frames inside speech that the teacher closes."""
    over_closed: float
    """Share of frames that the teacher holds plainly open and the net closes."""
    silence: float
    """Mean aperture in the pauses around the sentences."""


def spoken(voice_path: Path, kind: str) -> list[Speech]:
    """Speak the held-out sentences: "joe" plain, "pitched" up by 22 %, or one of speakers.STRANGERS."""
    if kind in speakers.STRANGERS:
        speak = speakers.stranger(kind)
        return [speak(text) for text in HELD_OUT]
    voice, ratio = PiperVoice.load(voice_path, include_alignments=True), 1.22 if kind == "pitched" else 1.0
    return [speakers.with_piper(voice, text, random.Random(9), ratio=ratio) for text in HELD_OUT]


def windows(speech: Speech, offset_s: float) -> Floats:
    """(n, 80, 16) of the sentence with 0.4 s of silence around it."""
    quiet = np.zeros(6400, np.float32)
    return mel_windows(np.concatenate([quiet, speech.pcm, quiet]), fps=FPS, offset_s=offset_s)


def teacher(speech: Speech, frames: int) -> Floats:
    """(frames, 8): the parameters that the labels ask for, in step with `windows`."""
    return tracks(speech.phones, np.arange(frames) / FPS - 0.4)


def figures(pairs: list[tuple[Floats, Floats]]) -> Figures:
    """Compare (aperture read, aperture wanted) pairs, one a sentence."""
    read, wanted = (np.concatenate([pair[side] for pair in pairs]) for side in (0, 1))
    inside = np.concatenate([_inside(pair[1]) for pair in pairs])
    closed, said = (read < CLOSED) & inside, (wanted < CLOSED) & inside
    hits = float((closed & said).sum())
    plainly = (wanted > OPEN) & inside
    return Figures(
        correlation=float(np.corrcoef(read, wanted)[0, 1]),
        ratio=float(read.std() / wanted.std()),
        lag_frames=float(np.mean([_lag(*pair) for pair in pairs])),
        closed_f1=2 * hits / max(1.0, float(closed.sum() + said.sum())),
        base_rate=float(said.sum() / inside.sum()),
        over_closed=float((closed & plainly).sum() / max(1, plainly.sum())),
        silence=float(np.mean([pair[0][:6].mean() for pair in pairs])),
    )


def _inside(wanted: Floats) -> NDArray[np.bool_]:
    sounding = np.flatnonzero(wanted > CLOSED)
    inside = np.zeros(len(wanted), bool)
    inside[sounding[0] : sounding[-1] + 1] = True
    return inside


def _lag(read: Floats, wanted: Floats) -> float:
    """Frames by which read comes after wanted, to a fraction, by a parabola over the best of +-5."""
    a, b = read - read.mean(), wanted - wanted.mean()
    scores = np.array([float(np.roll(b, shift) @ a) for shift in range(-5, 6)])
    best = int(scores[1:-1].argmax()) + 1
    left, middle, right = scores[best - 1 : best + 2]
    return best - 5 + 0.5 * float((left - right) / (left - 2 * middle + right))


def measure(net_path: Path, avatar_path: Path, voice_path: Path) -> dict[str, Figures]:
    """Speak the held-out sentences through the finished net on the avatar, and read the lips from its pixels."""
    net, avatar = FaceNet(net_path), load_avatar(avatar_path)
    assert avatar.ruler is not None, "packs that are built here have one"
    compositor = Compositor(avatar)
    rest = compositor.crop(0, net.size)
    found: dict[str, Figures] = {}
    for kind in KINDS:
        pairs: list[tuple[Floats, Floats]] = []
        for speech in spoken(voice_path, kind):
            faces = draw(net, compositor, windows(speech, net.window_offset_s))
            wanted = aperture(teacher(speech, len(faces)))
            pairs.append((avatar.ruler.read(faces, np.broadcast_to(rest, faces.shape)), wanted))
        found[kind] = figures(pairs)
    return found


def listen(listener: Listener, voice_path: Path) -> dict[str, Figures]:
    """Speak the held-out sentences to the listener, with and without noise, and hold its mouths to the labels."""
    pick, found = np.random.default_rng(3), dict[str, Figures]()
    for kind in HEARD_KINDS:
        speeches = spoken(voice_path, kind)
        for noise in (0.0, 10 ** (-NOISE_DB / 20)):
            pairs: list[tuple[Floats, Floats]] = []
            for speech in speeches:
                level = noise * float(np.sqrt(np.mean(speech.pcm**2)))
                mouths = listened(listener, pick.normal(0, level, len(speech.pcm)).astype(np.float32) + speech.pcm)
                pairs.append((aperture(mouths), aperture(teacher(speech, len(mouths)))))
            found[f"{kind}, noise {NOISE_DB} dB below" if noise else kind] = figures(pairs)
    return found


def listened(listener: Listener, pcm: Floats) -> Floats:
    """The mouths of a sentence with 0.4 s of silence around it, (n, 8), a second at a time as a face asks for them."""
    drive, quiet = FromSpeech(RATE_HZ, fps=FPS), np.zeros(6400, np.float32)
    sound = (np.clip(np.concatenate([quiet, pcm, quiet]), -1, 1) * 32767).astype(np.int16)
    rows = np.concatenate([drive.push(sound), drive.settle()])
    times_s = np.arange(len(rows)) / FPS
    return np.concatenate(
        [listener.mouths(rows[at : at + FPS], times_s[at : at + FPS]) for at in range(0, len(rows), FPS)]
    )


def draw(net: FaceNet, compositor: Compositor, mels: Floats, *, still: bool = True) -> Pixels:
    """Run the net on every window, on the avatar's first frame or along its loop: (n, S, S, 3) uint8 BGR."""
    faces: list[Pixels] = []
    for at in range(0, len(mels), 8):
        batch = mels[at : at + 8]
        crops = np.stack([compositor.crop(0 if still else at + place, net.size) for place in range(len(batch))])
        pictures = net.render(batch[:, None], face_input(crops))
        faces.append(np.round(pictures.transpose(0, 2, 3, 1) * 255).astype(np.uint8))
    return np.concatenate(faces)
