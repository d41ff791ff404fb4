"""What the model made of one window, and whether to believe it."""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass

_NO_SPEECH = 0.6
"""Above that probability it is not speech. Measured: speech at most 0.18, noises at least 0.77 but for one of 0.49,
which the next bound refuses."""
_UNLIKELY = -1.5
"""Below that average log-probability the words are invented. Speech: above -0.6; words heard in noise: below -1.6."""
_DOUBTFUL = -1.0
"""Below that the padded window is tried as well; faster-whisper's own bound."""
FAST_TOKENS_HZ = 9.0
"""Tokens a second that nobody says; speech has 3 to 6."""
_SUSPECT_TOKENS_HZ = 5.5
"""Above that, a phrase said twice is taken for the model's own repetition until the padded window says it too."""
_REPETITION = 2.4
"""Compression ratio above which a text repeats itself; faster-whisper's own bound."""
_PHRASES = frozenset(
    {"you", "thank you", "thank you very much", "thank you so much", "thanks for watching", "thank you for watching"}
    | {"please subscribe", "the end", "bye", "bye bye", "so", "oh", "uh", "um", "hmm", "mm", "mmm"}
)
"""What Whisper says where nobody spoke, and what visitors say too: believed only where everything else says speech."""
_SURELY_VOICE = 0.9
"""The most that voice activity was sure of an utterance, measured: speech at least 0.99, noises at most 0.75."""
_SURELY_SPEECH = 0.4
"""Below that the model itself hears speech: these phrases, spoken, had at most 0.27."""
_SURELY_SAID = -0.8
"""Above that average log-probability they are its words: spoken, they had at least -0.75, but for "you" and "oh"."""


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """What the model made of one window."""

    text: str
    """The words."""
    n_tokens: int
    """Tokens they took."""
    capped: bool
    """It did not end by itself."""
    log_probability: float
    """Average over the tokens and the end."""
    no_speech_probability: float
    """0 to 1."""

    @property
    def silent(self) -> bool:
        return not self.text or self.no_speech_probability > _NO_SPEECH

    def believable(self, voice_probability: float) -> bool:
        """Whether somebody said that.

        Args:
            voice_probability: the most that voice activity was sure of the utterance, 0 to 1.
        """
        if self.silent or self.log_probability < _UNLIKELY:
            return False
        sure = (
            voice_probability >= _SURELY_VOICE
            and self.no_speech_probability <= _SURELY_SPEECH
            and self.log_probability >= _SURELY_SAID
        )
        return sure or _bare(self.text) not in _PHRASES

    def suspect(self, speech_s: float) -> bool:
        """Whether it looks like words that nobody said in `speech_s` seconds."""
        rate_hz = self.n_tokens / max(speech_s, 1.0)
        return (
            self.capped
            or self.log_probability < _DOUBTFUL
            or rate_hz > FAST_TOKENS_HZ
            or (rate_hz > _SUSPECT_TOKENS_HZ and says_twice(self.text))
            or compression_ratio(self.text) > _REPETITION
        )


def _bare(text: str) -> str:
    """A text in small letters, without punctuation."""
    return " ".join(re.sub(r"[^\w' ]", " ", text.lower()).split())


def compression_ratio(text: str) -> float:
    data = text.encode()
    return len(data) / len(zlib.compress(data))


def says_twice(text: str) -> bool:
    """Whether four words in a row come again."""
    words = text.lower().split()
    seen: set[tuple[str, ...]] = set()
    for start in range(len(words) - 3):
        phrase = tuple(words[start : start + 4])
        if phrase in seen:
            return True
        seen.add(phrase)
    return False
