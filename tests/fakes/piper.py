"""A voice that hums: one clause a sentence, a tenth of a second a letter, with exact phoneme times."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from appliance.errors import TTSError
from appliance.voice.phonemes import phoneme_times
from appliance.voice.piper import SpeechAudio, SpeechRequest
from appliance.voice.text import clauses, speakable


class FakePiper:
    """A PiperEngine without a model."""

    def __init__(self, *, rate_hz: int = 22_050, letter_s: float = 0.1, error: TTSError | None = None) -> None:
        """
        Args:
            error: what the second clause of every request ends in.
        """
        self.rate_hz = rate_hz
        self.error = error
        self.said: list[str] = []
        self.cancelled = 0
        self.loaded = self.warm = False
        self._n_letter = int(letter_s * rate_hz)

    def load(self) -> None:
        self.loaded = True

    def warm_up(self) -> None:
        assert self.loaded
        self.warm = True

    def synthesize(self, request: SpeechRequest) -> Iterator[SpeechAudio | None]:
        assert self.loaded
        n_said = 0
        try:
            for clause in clauses(speakable(request.text, "en-us")):
                if n_said and self.error:
                    raise self.error
                yield self._hum(clause, request)
                n_said += 1
        except GeneratorExit:
            self.cancelled += 1
            raise
        if not n_said:
            raise TTSError("there is nothing to say", code="unspeakable")

    def close(self) -> None:
        self.loaded = False

    def _hum(self, clause: str, request: SpeechRequest) -> SpeechAudio:
        self.said.append(clause)
        letters = [letter.lower() for letter in clause if letter.isalnum()]
        n = self._n_letter * len(letters)
        pcm = (0.3 * np.sin(np.arange(n) * 2 * np.pi * 220 / self.rate_hz)).astype(np.float32)
        times = phoneme_times(letters, [self._n_letter] * len(letters), self.rate_hz)
        return SpeechAudio(pcm, self.rate_hz, times, clause, request.turn)
