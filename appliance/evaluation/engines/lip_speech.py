"""Sentences or recordings in, speech with the times of its phonemes out, for who measures lips."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from appliance.errors import MediaError
from appliance.evaluation.clips import Clip
from appliance.evaluation.speech import say
from appliance.face.mel import RATE_HZ
from appliance.phoneme import Phoneme

if TYPE_CHECKING:  # it needs pocketsphinx
    from appliance.face.training.alignment import Aligner

Pcm16 = NDArray[np.int16]
Progress = Callable[[str], None]

_LEAD_S = 0.4
"""Silence before and after a sentence."""


@dataclass(frozen=True, slots=True)
class Spoken:
    """One utterance with silence around it."""

    text: str
    """What is said."""
    pcm: Pcm16
    """(n,) int16."""
    rate_hz: int
    """Of the sound."""
    phonemes: list[Phoneme]
    """When it is said."""


async def by_voice(sentences: Sequence[str], voice: Any, progress: Progress) -> AsyncIterator[Spoken]:
    """What the box's voice, a TTS plugin, makes of each sentence."""
    for number, text in enumerate(sentences):
        progress(f"speaking, {number + 1} of {len(sentences)}")
        speech = await say(voice, text)
        yield _with_silence(text, speech.pcm, speech.rate_hz, speech.phonemes)


async def by_people(clips: Sequence[Clip], not_aligned: list[str], progress: Progress) -> AsyncIterator[Spoken]:
    """Recordings whose words can be laid over their sound; the names of the others are put into a list.

    Raises:
        MediaError: codes extra-missing, and, where it is all of them, not-aligned.
    """
    aligner = _aligner()
    for number, clip in enumerate(clips):
        progress(f"listening, {number + 1} of {len(clips)}")
        phonemes = await asyncio.to_thread(aligner.phonemes, clip.pcm, clip.words)
        if phonemes is None:
            not_aligned.append(clip.name)
            continue
        yield _with_silence(clip.words.lower(), (clip.pcm * 32767).astype(np.int16), RATE_HZ, phonemes)
    if len(not_aligned) == len(clips):
        hint = "give recordings of English speech, and in references.tsv all that is said, in plain words"
        raise MediaError("no recording fits its words", code="not-aligned", hint=hint)


def _aligner() -> Aligner:
    try:
        from appliance.face.training.alignment import Aligner
    except ModuleNotFoundError as error:
        message = "to find what a recording says when, pocketsphinx is needed, which is not installed"
        raise MediaError(message, code="extra-missing", hint="run `scripts/setup --train`") from error
    return Aligner()


def _with_silence(text: str, pcm: Pcm16, rate_hz: int, phonemes: Iterable[Phoneme]) -> Spoken:
    quiet = np.zeros(round(_LEAD_S * rate_hz), np.int16)
    later = [phoneme.later(_LEAD_S) for phoneme in phonemes]
    return Spoken(text, np.concatenate([quiet, pcm, quiet]), rate_hz, later)
