"""What sounds when: the form in which a voice tells its phonemes and the face reads them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self, cast

from livekit import rtc
from livekit.agents.types import USERDATA_TIMED_TRANSCRIPT, TimedString

SILENCE = "_"
"""Symbol of a pause."""
PIPER_LATE_S = 0.0116
"""Piper tells its phonemes one hop after they sound: seen in the dips of /m/ and the hiss of /s/, on
training sentences."""


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
