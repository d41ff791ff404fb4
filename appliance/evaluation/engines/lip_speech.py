"""Sentences or recordings in, speech with the times of its phonemes out, and noise under it, for who measures lips."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from appliance.errors import MediaError
from appliance.evaluation.clips import Clip
from appliance.evaluation.speech import say
from appliance.face.mel import RATE_HZ
from appliance.face.training import speakers
from appliance.face.training.speech import Speech
from appliance.phoneme import Phoneme
from appliance.stage.recording import read_speech

if TYPE_CHECKING:  # it needs pocketsphinx
    from appliance.face.training.alignment import Aligner

Pcm16 = NDArray[np.int16]
Progress = Callable[[str], None]

_LEAD_S = 0.4
"""Silence before and after a sentence."""
_NOISE_MOST_S = 600.0
"""Of one recording of noise."""


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
    voice: str = ""
    """Who says it, where several do."""


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


async def by_strangers(sentences: Sequence[str], progress: Progress) -> AsyncIterator[Spoken]:
    """Each sentence by every voice that is in no net's training: espeak-ng's and flite's, which tell exact times.

    Raises:
        MediaError: code not-installed.
    """
    strangers = {voice: _stranger(voice) for voice in speakers.STRANGERS}
    for voice, speak in strangers.items():
        for number, text in enumerate(sentences):
            progress(f"{voice} speaks, {number + 1} of {len(sentences)}")
            speech = await asyncio.to_thread(speak, text)
            yield _with_silence(text, (speech.pcm * 32767).astype(np.int16), RATE_HZ, speech.phones, voice)


def _stranger(voice: str) -> Callable[[str], Speech]:
    try:
        return speakers.stranger(voice)
    except OSError as error:
        message = f"{voice.partition(' ')[0]} is not installed, whose voices are strangers to the face"
        raise MediaError(message, code="not-installed", hint=f"install it {speakers.PROGRAMS}") from error


class Noise:
    """Puts noise under a voice, white or recorded."""

    def __init__(self, below_db: float, recordings: Sequence[Path] = ()) -> None:
        """
        Args:
            below_db: how much quieter than the voice it is, means of an utterance.
            recordings: of noise; white noise where there are none.
        """
        self._share = 10 ** (-below_db / 20)
        self._recordings = recordings
        self._pick = np.random.default_rng(3)

    def under(self, spoken: Spoken) -> Pcm16:
        """What is heard, (n,) int16.

        Raises:
            MediaError: a recording cannot be read, or nothing is heard in it.
        """
        loudness = float(np.sqrt(np.mean(spoken.pcm.astype(np.float64) ** 2)))
        noise = self._noise(len(spoken.pcm), spoken.rate_hz)
        return np.clip(spoken.pcm + noise * loudness * self._share, -32768, 32767).astype(np.int16)

    def _noise(self, n_samples: int, rate_hz: int) -> NDArray[np.float64]:
        if not self._recordings:
            return self._pick.normal(size=n_samples)
        recorded = _noise_of(self._recordings[int(self._pick.integers(len(self._recordings)))], rate_hz)
        return np.resize(np.roll(recorded, -self._pick.integers(len(recorded))), n_samples)


@cache
def _noise_of(path: Path, rate_hz: int) -> NDArray[np.float64]:
    """A recording, as loud as white noise of variance 1."""
    pcm = read_speech(path, rate_hz=rate_hz, longest_s=_NOISE_MOST_S).astype(np.float64)
    if not pcm.std():
        raise MediaError(f"nothing is heard in {path}", code="empty", hint="give recordings of noise")
    return pcm / pcm.std()


def _aligner() -> Aligner:
    try:
        from appliance.face.training.alignment import Aligner
    except ModuleNotFoundError as error:
        message = "to find what a recording says when, pocketsphinx is needed, which is not installed"
        raise MediaError(message, code="extra-missing", hint="run `scripts/setup --train`") from error
    return Aligner()


def _with_silence(text: str, pcm: Pcm16, rate_hz: int, phonemes: Iterable[Phoneme], voice: str = "") -> Spoken:
    quiet = np.zeros(round(_LEAD_S * rate_hz), np.int16)
    later = [phoneme.later(_LEAD_S) for phoneme in phonemes]
    return Spoken(text, np.concatenate([quiet, pcm, quiet]), rate_hz, later, voice)
