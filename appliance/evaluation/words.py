"""What was said, as words: texts and recorded voice in; how much of one is in the other out."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from appliance.evaluation.measures import Stretch
from appliance.evaluation.timeline import RATE_HZ, Heard, Pcm16, Words

_WHISPER_HZ = 16_000
_EDGE_S = 0.2
_BEGINNING = 3
"""So many words tell which answer somebody began to give."""


def plain(text: str) -> list[str]:
    """The words of a text in lower case, without punctuation."""
    return re.findall(r"[a-z0-9']+", text.lower())


def share(wanted: str, heard: str) -> float:
    """How many of the words of `wanted` are in `heard`, in the same order, 0 to 1."""
    words, found = plain(wanted), plain(heard)
    if not words:
        return 0.0
    blocks = difflib.SequenceMatcher(None, words, found, autojunk=False).get_matching_blocks()
    return sum(block.size for block in blocks) / len(words)


def begun(caption: str, answers: Iterable[str]) -> str | None:
    """The answer that a caption is, or is the beginning of; None when it is none of them."""
    words = plain(caption)
    if len(words) < _BEGINNING:
        return None
    return next((answer for answer in answers if plain(answer)[: len(words)] == words), None)


def captions(words: Sequence[Words], after_s: float, until_s: float = float("inf")) -> str:
    """What the avatar is said to have said in a time, the last wording of each caption."""
    return " ".join(word.text for word in words if not word.by_visitor and after_s < word.at_s <= until_s)


def cut(heard: Sequence[Heard], stretch: Stretch) -> Pcm16:
    """(n,) int16 at RATE_HZ: what was heard in a stretch, with a little around it."""
    inside = [f.pcm for f in heard if stretch.start_s - _EDGE_S <= f.at_s <= stretch.end_s + _EDGE_S]
    return np.concatenate(inside) if inside else np.empty(0, np.int16)


class Listener:
    """Whisper, to hear what the avatar really said; blocking."""

    def __init__(self, model: Path) -> None:
        from faster_whisper import WhisperModel

        self._model = WhisperModel(str(model), device="cpu", compute_type="int8", cpu_threads=2)

    def words(self, pcm: Pcm16) -> str:
        """What is said in (n,) int16 at RATE_HZ."""
        if len(pcm) < RATE_HZ // 10:
            return ""
        from livekit import rtc

        resampler = rtc.AudioResampler(RATE_HZ, _WHISPER_HZ)
        pieces = [*resampler.push(rtc.AudioFrame(pcm.tobytes(), RATE_HZ, 1, len(pcm))), *resampler.flush()]
        speech = np.concatenate([np.frombuffer(piece.data, np.int16) for piece in pieces]).astype(np.float32) / 32768
        segments, _ = self._model.transcribe(speech, language="en", beam_size=1, condition_on_previous_text=False)
        return " ".join(segment.text.strip() for segment in segments)
