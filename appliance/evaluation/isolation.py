"""Whether one session shows in another: what each visitor said, played, heard and read goes in, leaks come out.

Every visitor asks questions of its own, tells a word of its own and plays a tone of its own; none of them may be found
with any other.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from appliance.evaluation import words
from appliance.evaluation.microphone import Recording
from appliance.evaluation.timeline import RATE_HZ, Pcm16, Words

SECRETS = (
    *("marmalade", "xylophone", "hurricane", "porcupine", "telescope", "cinnamon", "volcano", "saxophone"),
    *("pineapple", "crocodile", "lighthouse", "parachute", "mandolin", "avalanche", "chandelier", "rhinoceros"),
)
"""Words that no persona says."""
TONE_S = 3.0
_TONE_HZ = 1015.0
_APART_HZ = 130.0
"""Between the tones of two visitors."""
_TONE_LEVEL = 0.05
_PROMINENT_DB = 12.0
"""A tone stands out of the voice around it by more; overtones of a real voice do by 6 dB for two seconds (measured)."""
_LEAST_DB = -75.0
_NEAR_HZ = 100.0
_OWN_HZ = 2.0
_TRACKS = 2
_SAME = 0.8
_HEARD = 0.6
"""Share of an answer's words; Whisper mishears some."""


@dataclass(slots=True)
class Known:
    """What is known of one visitor."""

    number: int
    """Its place among the visitors, from 0."""
    answers: dict[str, str]
    """Its questions and their approved answers; no other visitor asks them."""
    captions: list[Words] = field(default_factory=list[Words])
    """Everything it read."""
    untold_s: tuple[float, float] = (0.0, 0.0)
    """When it said what is no question of its own: the answers to that may be anybody's, seconds."""
    during_tones: Pcm16 = field(default_factory=lambda: np.empty(0, np.int16))
    """What it heard while all tones were played."""
    heard: list[str] = field(default_factory=list[str])
    """Answers as Whisper understood them."""
    tracks: int = _TRACKS
    """Tracks that it was offered."""

    @property
    def secret(self) -> str:
        """Its own word."""
        return SECRETS[self.number % len(SECRETS)]

    @property
    def tone_hz(self) -> float:
        """Its own tone."""
        return _TONE_HZ + _APART_HZ * self.number


def tone(hz: float) -> Recording:
    """A tone as quiet as a hum in the room."""
    pcm = np.sin(2 * np.pi * hz * np.arange(round(TONE_S * RATE_HZ)) / RATE_HZ) * _TONE_LEVEL * 32767
    return Recording(f"{hz:.0f} Hz", pcm.astype(np.int16))


def leaks(visitors: Sequence[Known]) -> list[str]:
    """Everything that one visitor got of another, in words for people."""
    return [leak for own in visitors for leak in _leaks(own, [other for other in visitors if other is not own])]


def _leaks(own: Known, others: Sequence[Known]) -> Iterator[str]:
    if own.tracks > _TRACKS:
        yield f"visitor {own.number} was offered {own.tracks} tracks"
    for other in others:
        if any(other.secret in caption.text.lower() for caption in own.captions):
            yield f"visitor {own.number} read the word of visitor {other.number}"
        if has_tone(own.during_tones, other.tone_hz):
            yield f"visitor {own.number} heard the tone of visitor {other.number}"
        if any(_is_answer(text, other, own) for text in own.heard):
            yield f"visitor {own.number} heard an answer to visitor {other.number}"
        for caption in own.captions:
            if caption.by_visitor and _said(caption.text, other) and not _said(caption.text, own):
                yield f"visitor {own.number} read what visitor {other.number} had said"
            if _own_answer(caption, own) and words.begun(caption.text, other.answers.values()) and _understood(own):
                yield f"visitor {own.number} read an answer to visitor {other.number}"


def _said(text: str, visitor: Known) -> bool:
    return any(words.share(question, text) >= _SAME for question in visitor.answers)


def _own_answer(caption: Words, visitor: Known) -> bool:
    from_s, until_s = visitor.untold_s
    return not caption.by_visitor and not from_s <= caption.at_s <= until_s


def _understood(visitor: Known) -> bool:
    """Whether all that was heard of a visitor was right: a misheard question may well have another's answer."""
    return all(_said(caption.text, visitor) for caption in visitor.captions if caption.by_visitor)


def _is_answer(text: str, other: Known, own: Known) -> bool:
    theirs = max(words.share(answer, text) for answer in other.answers.values())
    return theirs >= _HEARD and theirs > max(words.share(answer, text) for answer in own.answers.values())


def has_tone(pcm: Pcm16, hz: float) -> bool:
    """Whether a tone stands out for two whole seconds in a row of (n,) int16 at RATE_HZ."""
    seconds = pcm[: len(pcm) // RATE_HZ * RATE_HZ].reshape(-1, RATE_HZ).astype(np.float64) / 32768
    if len(seconds) < 2:
        return False
    # A bin is 1 Hz wide.
    power = np.abs(np.fft.rfft(seconds * np.hanning(RATE_HZ), axis=1)) ** 2 / (RATE_HZ / 4) ** 2
    bins = np.arange(power.shape[1])
    own = np.abs(bins - hz) <= _OWN_HZ
    around = (np.abs(bins - hz) <= _NEAR_HZ) & ~own
    level_db = 10 * np.log10(power[:, own].sum(axis=1) + 1e-20)
    around_db = 10 * np.log10(np.median(power[:, around], axis=1) * own.sum() + 1e-20)
    found = (level_db > _LEAST_DB) & (level_db - around_db > _PROMINENT_DB)
    return bool(np.any(found[1:] & found[:-1]))
