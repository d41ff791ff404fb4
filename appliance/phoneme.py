"""What sounds when: the form in which a voice tells its phonemes and the face reads them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self, cast

from livekit import rtc
from livekit.agents.types import USERDATA_TIMED_TRANSCRIPT, TimedString

SILENCE = "_"
"""Symbol of a pause."""
VOWELS = frozenset("aeiouyæøœɐɑɒɔəɚɛɜɝɨɪʉʊʌᵻ")
"""First characters of the symbols of vowels, diphthongs among them."""
_PIPER_LATE_S = 0.0116
"""Piper tells its phonemes one hop after they sound: where the hiss of /s/ and /ʃ/ ends is then right to 5 ms."""
_PIPER_VOWEL_LATE_S = 0.04
"""Its vowels end later than that: the voice falls 53 ms before the label of /p/, 38 of /k/, 23 of /b/, hiss rises 39
before that of /s/ (medians of 60 to 112 each, in training sentences of the voice `joe`)."""


@dataclass(frozen=True, slots=True)
class Phoneme:
    """One phoneme, or a pause."""

    symbol: str
    """IPA with its length mark, without stress; `_` is a pause."""
    start_s: float
    """Seconds from the start of the sound it belongs to."""
    end_s: float
    """Seconds from the start of the sound it belongs to."""

    def later(self, by_s: float) -> Phoneme:
        """The same in a sound that began so much earlier."""
        return Phoneme(self.symbol, self.start_s + by_s, self.end_s + by_s)


def as_heard(piper: Iterable[Phoneme]) -> tuple[Phoneme, ...]:
    """Piper's phonemes, without a gap between them, put where they sound."""
    return tuple(phoneme.later(-_PIPER_LATE_S) for phoneme in vowels_ended(piper, _PIPER_VOWEL_LATE_S))


def vowels_ended(phonemes: Iterable[Phoneme], earlier_s: float, before: str = "") -> list[Phoneme]:
    """Let each consonant begin earlier in the vowel before it, by half of that at most; `before` names some alone."""
    found: list[Phoneme] = []
    for phoneme in phonemes:
        start_s, first = phoneme.start_s, phoneme.symbol[:1]
        vowel = found[-1] if found and found[-1].symbol[:1] in VOWELS else None
        if vowel and phoneme.symbol != SILENCE and first not in VOWELS and (not before or first in before):
            start_s = max(start_s - earlier_s, (vowel.start_s + vowel.end_s) / 2)
            found[-1] = Phoneme(vowel.symbol, vowel.start_s, start_s)
        found.append(Phoneme(phoneme.symbol, start_s, phoneme.end_s))
    return found


class SpokenWord(TimedString):
    """A word that LiveKit carries beside a reply's sound; the first of a clause carries the clause's phonemes."""

    phonemes: tuple[Phoneme, ...]
    """From the start of the reply's sound."""

    def __new__(cls, text: str, start_s: float, end_s: float, phonemes: tuple[Phoneme, ...] = ()) -> Self:
        word = cast("Self", super().__new__(cls, text, start_time=start_s, end_time=end_s))
        word.phonemes = phonemes
        return word


def carried(frame: rtc.AudioFrame) -> list[Phoneme]:
    """The phonemes that a frame of speech brings, from the start of the reply's sound."""
    words = frame.userdata.get(USERDATA_TIMED_TRANSCRIPT, ())
    return [phoneme for word in words if isinstance(word, SpokenWord) for phoneme in word.phonemes]
