"""Sentences to speak, and speech with timed phonemes: what a training corpus is made of."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from appliance.face.mel import RATE_HZ
from appliance.phoneme import Phoneme

Floats = NDArray[np.float32]

SENTENCES = Path(__file__).with_name("sentences.txt")


@dataclass(frozen=True, slots=True)
class Speech:
    """One spoken sentence with its labels."""

    pcm: Floats
    """(n,) in [-1, 1], 16 kHz mono."""
    phones: list[Phoneme]
    """In order; pauses are "_"."""

    def faster(self, ratio: float) -> Speech:
        """The same played faster: another throat, and a higher voice."""
        phones = [Phoneme(phone.symbol, phone.start_s / ratio, phone.end_s / ratio) for phone in self.phones]
        return Speech(resampled(self.pcm, RATE_HZ * ratio), phones)


def sentences(seed: int, count: int) -> list[str]:
    """Pick sentences to speak: the written ones first, then new ones made of their words, for unusual neighbours."""
    pick = random.Random(seed)
    written = [line.strip() for line in SENTENCES.read_text(encoding="utf-8").splitlines() if line.strip()]
    words = sorted({word.strip(".,?!;:").lower() for line in written for word in line.split()})
    pick.shuffle(written)
    while len(written) < count:
        salad = pick.sample(words, pick.randint(5, 11))
        if pick.random() < 0.5:
            salad[len(salad) // 2] += ","
        written.append(" ".join(salad).capitalize() + pick.choice(".....?!"))
    return written[:count]


def resampled(pcm: Floats, rate_hz: float) -> Floats:
    """Bring (n,) speech of any rate to 16 kHz."""
    if not len(pcm):
        return pcm
    resampler = av.AudioResampler("flt", "mono", RATE_HZ)
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(pcm[None], np.float32), format="flt", layout="mono")
    frame.sample_rate = round(rate_hz)
    pieces = [piece.to_ndarray()[0] for given in (frame, None) for piece in resampler.resample(given)]
    return np.concatenate(pieces)
