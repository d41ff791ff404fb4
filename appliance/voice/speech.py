"""What the voice is asked for, and what it gives."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from appliance.engine import TurnId
from appliance.phoneme import Phoneme
from appliance.voice.words import WordTime

Samples = npt.NDArray[np.float32]
Pcm16 = npt.NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class SpeechRequest:
    """Something to say."""

    text: str
    """One or more sentences, at most 20,000 characters."""
    turn: TurnId
    """The turn it belongs to."""
    begun: bool = False
    """Something was said before it: it need not begin with a short clause."""


@dataclass(frozen=True, slots=True)
class SpeechAudio:
    """The next piece of sound. The first one of a clause tells of the whole clause, the others carry sound only."""

    pcm: Samples
    """(n,) float32 in [-1, 1], mono; may be empty where the text ends in what is not spoken."""
    rate_hz: int
    """Samples a second."""
    phonemes: tuple[Phoneme, ...]
    """What sounds when in the clause, from the start of this `pcm`; empty when the voice has no timing."""
    words: tuple[WordTime, ...]
    """The clause's words as written, from the start of this `pcm`; all words of a request add up to its text."""
    text: str
    """The clause as it is written."""
    turn: TurnId
    """The turn it belongs to."""


def pcm16(pcm: Samples) -> Pcm16:
    """(n,) int16, rounded."""
    return np.rint(pcm * np.float32(32767.0)).astype(np.int16)
