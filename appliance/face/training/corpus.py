"""Sentences in, a corpus for the half of the net that listens out: mels, the mouth at every one, and noise."""

from __future__ import annotations

import logging
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from piper import PiperVoice

from appliance.face.mel import MELS_PER_S, RATE_HZ, WINDOW, mel_spectrogram
from appliance.face.training import kokoro
from appliance.face.training.alignment import Aligner
from appliance.face.training.noise import clips
from appliance.face.training.speakers import ESPEAK_VARIANTS, FLITE_VOICES, Espeak, Flite, with_piper
from appliance.face.training.speech import Speech, resampled, sentences
from appliance.face.visemes import tracks

logger = logging.getLogger(__name__)

CENTRE = 6.8
"""Where in its window the labelled moment lies, in mel frames: 6.4 is 80 ms, and cutting rounds down by 0.4."""
NOISES = 160
"""Clips of 5 s without speech."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Sentences by each kind of speaker: 95 minutes in all, which take 14 to speak on one core."""

    piper: int = 420
    espeak: int = 900
    flite: int = 360
    kokoro: int = 264


@dataclass(frozen=True, slots=True)
class Voices:
    """Where the speakers' models lie."""

    piper: Path
    """The voice's .onnx, beside its .json."""
    kokoro: Path
    """A folder, see `Kokoro`."""


def spoken(voices: Voices, seed: int, counts: Counts) -> Iterator[Speech]:
    """Speak a seeded training corpus, one kind of speaker after another."""
    minutes = 0.0
    for number, speech in enumerate(_each(voices, seed, counts)):
        minutes += len(speech.pcm) / RATE_HZ / 60
        if number % 100 == 0:
            logger.info("speaking", extra={"sentences": number, "minutes": round(minutes, 1)})
        yield speech


def _each(voices: Voices, seed: int, counts: Counts) -> Iterator[Speech]:
    yield from _by_piper(PiperVoice.load(voices.piper, include_alignments=True), seed, counts.piper)
    yield from _by_espeak(seed + 1, counts.espeak)
    yield from _by_flite(seed + 2, counts.flite)
    if counts.kokoro:
        yield from _by_kokoro(kokoro.Kokoro(voices.kokoro), seed + 3, counts.kokoro)


def _by_piper(voice: PiperVoice, seed: int, count: int) -> Iterator[Speech]:
    pick = random.Random(seed)
    for text in sentences(seed, count):
        yield with_piper(voice, text, pick)


def _by_espeak(seed: int, count: int) -> Iterator[Speech]:
    espeak, pick = Espeak(), random.Random(seed)
    for text in sentences(seed, count):
        name = f"{pick.choice(['en-us', 'en-us', 'en-gb'])}+{pick.choice(ESPEAK_VARIANTS)}"
        yield espeak.speak(text, name, rate=pick.randint(130, 210), pitch=pick.randint(20, 80))


def _by_flite(seed: int, count: int) -> Iterator[Speech]:
    flite, pick = Flite(), random.Random(seed)
    for text in sentences(seed, count):
        ratio = pick.uniform(0.85, 1.35)
        manner = {"stretch": pick.uniform(0.8, 1.3) * ratio, "pitch_hz": pick.uniform(75, 190)}
        yield flite.speak(text, pick.choice(FLITE_VOICES), **manner).faster(ratio)


def _by_kokoro(speaker: kokoro.Kokoro, seed: int, count: int) -> Iterator[Speech]:
    """In turn by each voice, half of them shifted in pitch and formants; what cannot be aligned is left out."""
    aligner, pick, voices = Aligner(), random.Random(seed), speaker.voices
    for number, text in enumerate(sentences(seed, count)):
        ratio = pick.uniform(0.88, 1.2) if pick.random() < 0.5 else 1.0
        speed = pick.uniform(0.8, 1.2) / ratio
        pcm = resampled(speaker.speak(text, voices[number % len(voices)], speed=speed), kokoro.RATE_HZ)
        phones = aligner.phonemes(pcm, text)
        if phones:
            yield Speech(pcm, phones).faster(ratio)


def labelled(speech: Speech) -> tuple[NDArray[np.float16], NDArray[np.float16]]:
    """Give (80, T + 32) mels with silence around them and (T + 17, 8) parameters for the windows that start there."""
    quiet = np.zeros(16 * 200, np.float32)
    mel = mel_spectrogram(np.concatenate([quiet, speech.pcm, quiet]))
    starts = np.arange(mel.shape[1] - WINDOW + 1)
    params = tracks(speech.phones, (starts + CENTRE - 16) / MELS_PER_S)
    return mel.astype(np.float16), params.astype(np.float16)


def build(speeches: Iterable[Speech], seed: int, out: Path) -> Path:
    """Label the corpus and keep it in one .npz: all of it end to end, and where windows may start."""
    mels: list[NDArray[np.float16]] = []
    params: list[NDArray[np.float16]] = []
    starts: list[NDArray[np.int64]] = []
    at = 0
    for speech in speeches:
        mel, param = labelled(speech)
        starts.append(at + np.arange(len(param)))
        mels.append(mel)
        params.append(np.pad(param, ((0, mel.shape[1] - len(param)), (0, 0))))
        at += mel.shape[1]
    noise = np.concatenate([mel_spectrogram(clip)[:, 2:-2] for clip in clips(seed, NOISES)], 1).astype(np.float16)
    np.savez(
        out, noise=noise, mel=np.concatenate(mels, 1), params=np.concatenate(params), starts=np.concatenate(starts)
    )
    return out
