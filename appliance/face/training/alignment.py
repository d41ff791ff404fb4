"""Speech and its words in, timed phonemes out: forced alignment, for voices that do not tell when they say what.

pocketsphinx brings a model of American English of its own, so that what is measured with it owes nothing to our voices.
On flite's voice slt its phonemes begin and end within 13 ms of what flite tells (medians; spread 5 to 17 ms).
"""

from __future__ import annotations

import re

import numpy as np
import pocketsphinx

from appliance.face.mel import RATE_HZ
from appliance.face.training.arpabet import ipa
from appliance.face.training.speech import Floats
from appliance.phoneme import Phoneme

_FRAMES_PER_S = 100
_WORD = re.compile(r"[a-z']+")


class Aligner:
    """Not thread-safe."""

    def __init__(self) -> None:
        """Load the model, 1 s."""
        self._decoder = self._new()

    @staticmethod
    def _new() -> pocketsphinx.Decoder:
        # Wide beams: the words are known, so that nothing but their times is searched for.
        return pocketsphinx.Decoder(samprate=RATE_HZ, lm=None, loglevel="FATAL", beam=1e-80, wbeam=1e-60, pbeam=1e-80)

    def phonemes(self, pcm: Floats, text: str) -> list[Phoneme] | None:
        """Lay the words of `text` over (n,) speech, 16 kHz in [-1, 1]; None where they do not fit or are not known."""
        words = _WORD.findall(text.lower())
        if not words or any(self._decoder.lookup_word(word) is None for word in words):
            return None
        try:
            self._decoder.set_align_text(" ".join(words))
            self._hear(pcm)
            if self._decoder.hyp() is None:
                return None
            self._decoder.set_alignment()
            self._hear(pcm)
        except RuntimeError:
            self._decoder = self._new()  # what failed once fails from then on
            return None
        return [
            Phoneme(ipa(phone.name), phone.start / _FRAMES_PER_S, (phone.start + phone.duration) / _FRAMES_PER_S)
            for word in self._decoder.get_alignment()
            for phone in word
        ]

    def _hear(self, pcm: Floats) -> None:
        self._decoder.start_utt()
        self._decoder.process_raw((np.clip(pcm, -1, 1) * 32767).astype("<i2").tobytes(), full_utt=True)
        self._decoder.end_utt()
