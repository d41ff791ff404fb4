"""A voice that hums: two chunks a clause, a tenth of a second a letter, with exact times of phonemes and words."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np

from appliance.errors import TTSError
from appliance.voice.cutting import pieces
from appliance.voice.phonemes import phoneme_times
from appliance.voice.speech import SpeechAudio, SpeechRequest
from appliance.voice.text import speakable
from appliance.voice.words import WordTime, tokens


class FakePiper:
    """A PiperEngine without a model."""

    def __init__(
        self, *, rate_hz: int = 22_050, letter_s: float = 0.1, clause_s: float = 0.0, error: TTSError | None = None
    ) -> None:
        """
        Args:
            clause_s: how long it works on each clause.
            error: what the second chunk of every clause ends in.
        """
        self.rate_hz = rate_hz
        self.error = error
        self.said: list[str] = []
        self.cancelled = 0
        self.loaded = self.warm = False
        self._clause_s = clause_s
        self._n_letter = int(letter_s * rate_hz)

    def load(self) -> None:
        self.loaded = True

    def warm_up(self) -> None:
        assert self.loaded
        self.warm = True

    def synthesize(self, request: SpeechRequest) -> Iterator[SpeechAudio | None]:
        assert self.loaded
        said = False
        try:
            for piece in pieces(request.text, begun=request.begun):
                if speakable(piece, "en-us"):
                    time.sleep(self._clause_s)
                    self.said.append(piece.strip())
                    first, second = self._hum(piece, request)
                    yield first
                    said = True
                    if self.error:
                        raise self.error
                    yield second
        except GeneratorExit:
            self.cancelled += 1
            raise
        if not said:
            raise TTSError("there is nothing to say", code="unspeakable")

    def close(self) -> None:
        self.loaded = False

    def _hum(self, clause: str, request: SpeechRequest) -> tuple[SpeechAudio, SpeechAudio]:
        letters = [letter.lower() for letter in clause if letter.isalnum()]
        n = self._n_letter * len(letters)
        pcm = (0.3 * np.sin(np.arange(n) * 2 * np.pi * 220 / self.rate_hz)).astype(np.float32)
        times = phoneme_times(letters, [self._n_letter] * len(letters), self.rate_hz)
        words: list[WordTime] = []
        at_s = 0.0
        for word in tokens(clause):
            end_s = at_s + sum(letter.isalnum() for letter in word) * self._n_letter / self.rate_hz
            words.append(WordTime(word, at_s, end_s))
            at_s = end_s
        first = SpeechAudio(pcm[: n // 2], self.rate_hz, times, tuple(words), clause, request.turn)
        return first, SpeechAudio(pcm[n // 2 :], self.rate_hz, (), (), "", request.turn)
