"""The Piper engine: text comes in, speech goes out chunk by chunk, with the times of its phonemes and words."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
from piper import PiperVoice
from piper.config import PiperConfig
from piper.const import BOS, EOS, PAD

from appliance.config import VoiceConfig
from appliance.errors import TTSError
from appliance.phoneme import Phoneme
from appliance.voice.cutting import pieces
from appliance.voice.loudness import gain, levelled, onset
from appliance.voice.phonemes import phoneme_times
from appliance.voice.prepared import Prepared
from appliance.voice.speech import SpeechAudio, SpeechRequest
from appliance.voice.text import CHARACTERS_MAX, parts, speakable
from appliance.voice.vits import Model, Samples, SplitModel, load
from appliance.voice.words import WordTime, tokens, word_times

_LEAD_S = 0.02
"""Silence kept before the first sound of a piece; the model makes 30 to 95 ms of it."""
_TRIAL = ("Please take a seat in the waiting room, someone will be with you shortly.", "How may I help you today?")
"""Said at the start: to learn how loud the voice is, and so that the first visitor does not wait for memory."""


def voice_rate_hz(onnx_file: Path) -> int:
    """Samples a second of a voice, which its settings tell before it is loaded.

    Raises:
        TTSError: codes model-missing, model-unreadable.
    """
    rate_hz = _settings(onnx_file).get("audio", {}).get("sample_rate")
    if not isinstance(rate_hz, int):
        raise _unreadable(onnx_file, "its settings name no sample rate")
    return rate_hz


@dataclass(slots=True)
class _Voice:
    """What is there once the voice is open."""

    piper: PiperVoice
    model: Model
    gain: float = 1.0


class PiperEngine:
    """A Piper voice on the CPU."""

    def __init__(self, onnx_file: Path, config: VoiceConfig) -> None:
        """
        Args:
            onnx_file: the voice; its settings lie beside it under the same name and `.json`.
        """
        self.prepared = Prepared()
        self._file = onnx_file
        self._config = config
        self._voice: _Voice | None = None

    def load(self) -> None:
        """Open the voice.

        Raises:
            TTSError: codes model-missing, model-unreadable.
        """
        settings = _settings(self._file)
        try:
            config = PiperConfig.from_dict(settings)
            model = load(self._file, self._config.threads)
        except Exception as error:  # onnx and onnxruntime raise protobuf's and pybind's own kinds
            raise _unreadable(self._file, error) from error
        piper = PiperVoice(session=cast("Any", None), config=config)  # for its phonemes; we run the model
        self._voice = _Voice(piper, model)

    def warm_up(self) -> None:
        """Learn how loud the voice is, and see that its chunks are what it says in one piece."""
        voice = self._opened()
        scales = (0.0, self._scales()[1], 0.0)  # without the model's noise, so that it is the same at every start
        first, *others = (_ids(voice.piper, _phonemes(voice.piper, text)) for text in _TRIAL)
        if isinstance(voice.model, SplitModel):
            spoken = [voice.model.check(first, scales)]
        else:
            spoken = list(voice.model.speak(first, scales).chunks)
        voice.gain = gain([*spoken, *(chunk for ids in others for chunk in voice.model.speak(ids, scales).chunks)])

    def identity(self) -> str:
        """Hash of all that decides how a text sounds."""
        digest = hashlib.sha256()
        for file in (self._file, _beside(self._file)):
            with file.open("rb") as content:
                digest.update(hashlib.file_digest(content, "sha256").digest())
        digest.update(repr(self._scales()).encode())
        return digest.hexdigest()

    def level(self, pcm: Samples) -> Samples:
        """The model's own sound as this engine gives it out."""
        return levelled(pcm, self._opened().gain)

    def synthesize(self, request: SpeechRequest) -> Iterator[SpeechAudio | None]:
        """Yield the speech in chunks; the first of each clause carries its phonemes and words.

        Raises:
            TTSError: codes unspeakable (no words in it that this voice can say), text-too-long, inference-failed.
        """
        voice = self._opened()
        if len(request.text) > CHARACTERS_MAX:
            raise TTSError(
                f"{len(request.text)} characters are too many to say at once, the most are {CHARACTERS_MAX}",
                code="text-too-long",
                hint="say it in parts",
            )
        written: list[str] = []
        said = False
        for piece in pieces(request.text, begun=request.begun):
            written += tokens(piece)
            for part in parts(speakable(piece, voice.piper.config.espeak_voice)):
                phonemes = _phonemes(voice.piper, part)
                if any(phoneme.isalpha() for phoneme in phonemes):
                    own, written = self._own(written, part)
                    yield from self._clause(phonemes, own, request)
                    said = True
        if not said:
            raise TTSError(
                "there is nothing in the text that this voice can say",
                code="unspeakable",
                hint="use words of the voice's language",
            )
        if written:
            words = tuple(WordTime(word, 0.0, 0.0) for word in written)
            empty = np.empty(0, np.float32)
            yield SpeechAudio(empty, voice.piper.config.sample_rate, (), words, "".join(written), request.turn)

    def close(self) -> None:
        """Let the model go."""
        self._voice = None

    def _opened(self) -> _Voice:
        assert self._voice is not None, "load() comes first"
        return self._voice

    def _scales(self) -> tuple[float, float, float]:
        config = self._opened().piper.config
        return (config.noise_scale, config.length_scale * self._config.length_scale, config.noise_w_scale)

    def _own(self, written: list[str], part: str) -> tuple[list[str], list[str]]:
        """Of the words not said yet, those that are said with `part`; and the rest."""
        left = len([word for word in part.split() if any(character.isalnum() for character in word)])
        for index, word in enumerate(written):
            if left <= 0 and self._n_words(word):
                return written[:index], written[index:]
            left -= self._n_words(word)
        return written, []

    def _n_words(self, word: str) -> int:
        spoken = speakable(word, self._opened().piper.config.espeak_voice).split()
        return len([part for part in spoken if any(character.isalnum() for character in part)])

    def _weight(self, word: str) -> int:
        """Phonemes of one written word."""
        piper = self._opened().piper
        return sum(p.isalpha() for p in _phonemes(piper, speakable(word, piper.config.espeak_voice)))

    def _clause(self, phonemes: list[str], written: list[str], request: SpeechRequest) -> Iterator[SpeechAudio]:
        voice = self._opened()
        config = voice.piper.config
        utterance = voice.model.speak(_ids(voice.piper, phonemes), self._scales())
        n_samples = None
        if utterance.frames is not None:
            n_samples = _per_symbol(config, phonemes, utterance.frames * config.hop_length)
        text = "".join(written)
        first = True
        for made in utterance.chunks:
            pcm = levelled(made, voice.gain)
            times: tuple[Phoneme, ...] = ()
            words: tuple[WordTime, ...] = ()
            if first:
                symbols = [BOS, *phonemes, EOS]
                pcm, n_samples = _trimmed(pcm, n_samples, config.sample_rate)
                if n_samples is not None:
                    times = phoneme_times(symbols, n_samples, config.sample_rate)
                known = n_samples or [len(pcm) // len(symbols)] * len(symbols)
                spoken = [self._n_words(word) > 0 for word in written]
                timed = list(zip(symbols, known, strict=True))
                words = word_times(written, spoken, timed, config.sample_rate, self._weight)
            yield SpeechAudio(pcm, config.sample_rate, times, words, text if first else "", request.turn)
            first = False


def _settings(onnx_file: Path) -> dict[str, Any]:
    file = _beside(onnx_file)
    for needed in (onnx_file, file):
        if not needed.is_file():
            raise TTSError(f"there is no {needed}", code="model-missing", hint="run `appliance models fetch`")
    try:
        return dict(json.loads(file.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise _unreadable(file, error) from error


def _beside(onnx_file: Path) -> Path:
    return onnx_file.with_name(onnx_file.name + ".json")


def _unreadable(file: Path, why: object) -> TTSError:
    return TTSError(
        f"{file} is no readable Piper voice: {why}", code="model-unreadable", hint="run `appliance models verify`"
    )


def _phonemes(voice: PiperVoice, clause: str) -> list[str]:
    """Those of `clause` that the voice knows, in one row where espeak-ng sees several sentences."""
    phonemes: list[str] = []
    for sentence in voice.phonemize(clause):
        phonemes += [" ", *sentence] if phonemes else sentence
    return [phoneme for phoneme in phonemes if phoneme in voice.config.phoneme_id_map]


def _ids(voice: PiperVoice, phonemes: list[str]) -> Sequence[int]:
    return voice.phonemes_to_ids(phonemes)


def _per_symbol(config: PiperConfig, phonemes: list[str], n_samples: npt.NDArray[np.int64]) -> list[int] | None:
    """Samples of the beginning, each phoneme and the end, with the padding behind each; None if they do not fit."""
    n_pad = len(config.phoneme_id_map[PAD])
    counts = [len(config.phoneme_id_map[phoneme]) + n_pad for phoneme in (BOS, *phonemes)]
    ends = np.cumsum(counts)
    if ends[-1] + len(config.phoneme_id_map[EOS]) != len(n_samples):
        return None
    return [int(part.sum()) for part in np.split(n_samples, ends)]


def _trimmed(pcm: Samples, n_samples: list[int] | None, rate_hz: int) -> tuple[Samples, list[int] | None]:
    """The first chunk without the silence before the first sound, which belongs to the first symbol."""
    n_cut = max(0, min(onset(pcm) - int(_LEAD_S * rate_hz), len(pcm) - 1))
    if n_samples is None:
        return pcm[n_cut:], None
    n_cut = min(n_cut, n_samples[0])
    return pcm[n_cut:], [n_samples[0] - n_cut, *n_samples[1:]]
