"""What a measuring visitor asks: the recordings of a folder, or questions of the persona spoken by Piper."""

from __future__ import annotations

import hashlib
import os
import tempfile
import wave
from collections.abc import Sequence
from pathlib import Path

from appliance.bundles.manifest import cache
from appliance.errors import MediaError
from appliance.evaluation.microphone import Recording, read
from appliance.personas.persona import Entry, Persona

_SUFFIXES = (".wav", ".mp3", ".m4a", ".flac", ".ogg")
_LENGTH_SCALE = 1.1
_PITCH = 1.12
"""The visitor is not the avatar: slower, then played faster, which is higher."""
_FORMAT = 1
_ANSWER_CHARACTERS = 110
"""Answers of at least this length can be interrupted."""
_BACKCHANNELS = ("mm-hm.", "uh-huh.")
_FEW_WORDS = 9
"""Said in a second and a half: longer than a slow box takes to fall silent."""


def of_folder(folder: Path) -> list[Recording]:
    """Every recording of a folder, by name.

    Raises:
        MediaError: there is none, or one cannot be read.
    """
    paths = sorted(path for path in folder.glob("*") if path.suffix.lower() in _SUFFIXES)
    if not paths:
        raise MediaError(f"there are no recordings in {folder}", code="not-found", hint="name a folder of WAV files")
    return [read(path) for path in paths]


def of_persona(persona: Persona, voice: Path, count: int) -> list[Recording]:
    """Questions that the persona has long answers to, spoken once and kept in the per-user cache.

    Args:
        voice: a Piper voice, .onnx with its .json beside it.
        count: how many; fewer where the persona has fewer.
    """
    return [_spoken(text, voice) for text in choose(persona, count)]


def choose(persona: Persona, count: int) -> list[str]:
    """The longest wording of `count` entries with long answers, spread over the persona's list."""
    entries = long_answers(persona)
    step = max(1, len(entries) // max(count, 1))
    return [max(entry.questions, key=len) for entry in entries[::step]][:count]


def short(persona: Persona, voice: Path) -> Recording:
    """A question that is asked in a breath and has a long answer, spoken as by `of_persona`."""
    wordings = [text for entry in long_answers(persona) for text in entry.questions]
    return _spoken(min(wordings, key=lambda text: (abs(len(text.split()) - _FEW_WORDS), len(text))), voice)


def backchannels(voice: Path) -> list[Recording]:
    """What listeners say without wanting the word, spoken as by `of_persona`."""
    return [Recording(text.strip("."), _spoken(text, voice).pcm) for text in _BACKCHANNELS]


def long_answers(persona: Persona) -> list[Entry]:
    """Entries whose answers are worth interrupting; all plain ones where there are none."""
    plain = [entry for entry in persona.entries if not (entry.small_talk or entry.repeat or entry.urgent)]
    return [entry for entry in plain if len(entry.answer) >= _ANSWER_CHARACTERS] or plain


def _spoken(text: str, voice: Path) -> Recording:
    identity = f"{_FORMAT} {voice.name} {_LENGTH_SCALE} {_PITCH} {text}"
    path = cache() / "questions" / f"{hashlib.sha256(identity.encode()).hexdigest()[:16]}.wav"
    if not path.is_file():
        _speak(text, voice, path)
    return Recording(text, read(path).pcm)


def _speak(text: str, voice: Path, path: Path) -> None:
    from piper import PiperVoice, SynthesisConfig

    piper = PiperVoice.load(voice)
    chunks = piper.synthesize(text if text.endswith(".") else text + "?", SynthesisConfig(length_scale=_LENGTH_SCALE))
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, suffix=".part")
    os.close(handle)
    with wave.open(name, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(round(piper.config.sample_rate * _PITCH))
        out.writeframes(b"".join(chunk.audio_int16_bytes for chunk in chunks))
    Path(name).rename(path)


def rotated(recordings: Sequence[Recording], first: int) -> list[Recording]:
    """The same recordings, beginning with another: visitors at the same time ask different things."""
    first %= len(recordings)
    return [*recordings[first:], *recordings[:first]]


def mixed(some: Sequence[Recording], others: Sequence[Recording]) -> list[Recording]:
    """All of both, each spread evenly over the whole."""
    placed = [
        ((number + 0.5) / len(kind), recording) for kind in (some, others) for number, recording in enumerate(kind)
    ]
    return [recording for _, recording in sorted(placed, key=lambda placing: placing[0])]
