"""Speech made beforehand: fixed phrases and approved answers go in once, and are there when they are to be said.

A piece of text is made once for each voice, its settings and this format, and is kept in the per-user cache. What is
damaged, of another voice or no longer asked for is made anew or, when the cache is full, removed.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import os
import struct
import tempfile
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from appliance.bundles.manifest import cache
from appliance.clock import monotonic
from appliance.engine import TurnId
from appliance.errors import EngineError
from appliance.phoneme import Phoneme
from appliance.voice.cutting import pieces
from appliance.voice.speech import Pcm16, SpeechAudio, SpeechRequest, pcm16
from appliance.voice.words import WordTime

logger = logging.getLogger(__name__)

_FORMAT = b"appliance speech 1\n"
"""Counts up with anything that changes how a text sounds: cutting, loudness, the silence before it."""
_BYTES_MAX = 256 << 20
"""Of all files together: about 95 minutes of speech."""
_LOOK_AGAIN_S = 2.0
"""While a visitor is there."""


@dataclass(frozen=True, slots=True)
class _Clip:
    """One piece of text, spoken."""

    pcm: Pcm16
    rate_hz: int
    phonemes: tuple[Phoneme, ...]
    words: tuple[WordTime, ...]


class Prepared:
    """The pieces that this process has ready; filled on one thread, read on any."""

    def __init__(self) -> None:
        self._clips: dict[str, _Clip] = {}

    def __len__(self) -> int:
        return len(self._clips)

    def find(self, piece: str, turn: TurnId) -> SpeechAudio | None:
        """The speech of a piece of `Cutter`, whatever white space is around it."""
        text = piece.strip()
        clip = self._clips.get(text)
        if clip is None:
            return None
        start = piece.index(text)
        words = [WordTime(word.text, word.start_s, word.end_s) for word in clip.words]
        words[0] = WordTime(piece[:start] + words[0].text, words[0].start_s, words[0].end_s)
        if rest := piece[start + len(text) :]:
            words.append(WordTime(rest, words[-1].end_s, words[-1].end_s))
        pcm = clip.pcm.astype(np.float32) / np.float32(32767.0)
        return SpeechAudio(pcm, clip.rate_hz, clip.phonemes, tuple(words), piece, turn)

    def add(self, text: str, spoken: Iterable[SpeechAudio]) -> None:
        """Keep the chunks of one piece.

        Args:
            text: without white space around it.
        """
        self._clips[text] = _joined(list(spoken))

    def read(self, text: str, file: Path) -> bool:
        """Take one piece from a file; False when there is none, or it is damaged."""
        try:
            self._clips[text] = _decoded(file.read_bytes())
            os.utime(file)  # what was used last is removed last
        except FileNotFoundError:
            return False
        except (OSError, ValueError, KeyError, TypeError, struct.error):
            logger.warning("speech in the cache is damaged and will be made again", extra={"file": file.name})
            return False
        return True

    def write(self, text: str, file: Path) -> None:
        """Put one piece into a file, whole or not at all."""
        file.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=file.parent, suffix=".part")
        try:
            with os.fdopen(handle, "wb") as out:
                out.write(_encoded(self._clips[text]))
            Path(name).replace(file)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise


@dataclass(frozen=True, slots=True)
class Preparation:
    """How speech is made ready."""

    prepared: Prepared
    """Where it goes."""
    identity: str
    """Hash of the voice and its settings."""
    speak: Callable[[SpeechRequest], AsyncIterator[SpeechAudio]]
    """The voice."""
    busy: Callable[[], bool]
    """Whether a visitor is there: then nothing is made."""
    folder: Path | None = None
    """Where the files lie; the per-user cache when not given."""


async def prepare(texts: Iterable[str], how: Preparation) -> None:
    """Have every piece of `texts` ready: from the cache, or made now, one after the other, while nobody is there."""
    folder = how.folder or cache() / "speech"
    started_s, n_made = monotonic(), 0
    todo = dict.fromkeys(piece.strip() for text in texts for piece in pieces(text))
    files = {text: folder / f"{_key(how.identity, text)}.speech" for text in todo if text}
    missing = [text for text, file in files.items() if not await asyncio.to_thread(how.prepared.read, text, file)]
    for text in missing:
        while how.busy():  # noqa: ASYNC110 - admission only counts, and tells nobody; a look costs nothing
            await asyncio.sleep(_LOOK_AGAIN_S)
        try:
            how.prepared.add(text, [chunk async for chunk in how.speak(SpeechRequest(text, TurnId(0), begun=True))])
        except EngineError as error:
            if error.code == "closed":
                return
            logger.warning("a text could not be spoken beforehand", extra={"code": error.code})
            continue
        n_made += 1
        try:
            await asyncio.to_thread(how.prepared.write, text, files[text])
        except OSError:
            logger.warning("speech could not be kept: it will be made again at the next start")
    await asyncio.to_thread(_shrink, folder)
    seconds = round(monotonic() - started_s, 1)
    logger.info("speech prepared", extra={"pieces": len(how.prepared), "made": n_made, "seconds": seconds})


def _key(identity: str, text: str) -> str:
    return hashlib.sha256(_FORMAT + identity.encode() + b"\n" + text.encode()).hexdigest()[:40]


def _joined(chunks: list[SpeechAudio]) -> _Clip:
    phonemes: list[Phoneme] = []
    words: list[WordTime] = []
    n_samples, at_s = 0, 0.0
    for chunk in chunks:
        at_s = n_samples / chunk.rate_hz
        phonemes += [phoneme.later(at_s) for phoneme in chunk.phonemes]
        words += [WordTime(w.text, w.start_s + at_s, w.end_s + at_s) for w in chunk.words]
        n_samples += len(chunk.pcm)
    return _Clip(
        np.concatenate([pcm16(chunk.pcm) for chunk in chunks]), chunks[0].rate_hz, tuple(phonemes), tuple(words)
    )


def _encoded(clip: _Clip) -> bytes:
    times: dict[str, Any] = {
        "rate_hz": clip.rate_hz,
        "phonemes": [[p.symbol, p.start_s, p.end_s] for p in clip.phonemes],
        "words": [[w.text, w.start_s, w.end_s] for w in clip.words],
    }
    head = json.dumps(times).encode()
    content = struct.pack("<I", len(head)) + head + clip.pcm.astype("<i2").tobytes()
    return _FORMAT + hashlib.sha256(content).digest() + content


def _decoded(data: bytes) -> _Clip:
    start = len(_FORMAT) + 32
    content = data[start:]
    if data[: len(_FORMAT)] != _FORMAT or hashlib.sha256(content).digest() != data[len(_FORMAT) : start]:
        raise ValueError("not what was written")
    (n_head,) = struct.unpack_from("<I", content)
    times = json.loads(content[4 : 4 + n_head])
    return _Clip(
        np.frombuffer(content[4 + n_head :], "<i2").astype(np.int16),
        int(times["rate_hz"]),
        tuple(Phoneme(str(symbol), float(start), float(end)) for symbol, start, end in times["phonemes"]),
        tuple(WordTime(str(text), float(start), float(end)) for text, start, end in times["words"]),
    )


def _shrink(folder: Path, bytes_max: int = _BYTES_MAX) -> None:
    """Remove what was not used for the longest time, until the rest fits."""
    files = sorted(folder.glob("*.speech"), key=lambda file: file.stat().st_mtime, reverse=True)
    total = 0
    for file in files:
        total += file.stat().st_size
        if total > bytes_max:
            file.unlink(missing_ok=True)
