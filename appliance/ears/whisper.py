"""The Whisper engine: an utterance comes in, its words and how sure the model is of them go out.

faster-whisper's `transcribe` pads every utterance to 30 s. Here the same model is run on the smallest window that it
bears (see windows.py), greedily; an answer that looks wrong is made again in the padded window.
"""

from __future__ import annotations

import logging
import math
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from faster_whisper import WhisperModel
from faster_whisper.tokenizer import Tokenizer

from appliance.config import EarsConfig
from appliance.ears.windows import LONGEST_S, RATE_HZ, Samples, checked, loudest_dbfs, padded, pieces, window_s
from appliance.engine import TurnId
from appliance.errors import STTError

logger = logging.getLogger(__name__)

LONGEST_UTTERANCE_S = 120.0
"""One question; a longer recording is refused."""

_FILES = ("model.bin", "config.json", "tokenizer.json")
_SILENT_DBFS = -60.0
"""Quieter than that is not speech: the model is not asked (it answers "you" to digital silence)."""
_NO_SPEECH = 0.6
"""Above that probability it is not speech. Measured: speech at most 0.18, noises at least 0.77 but for one of 0.49,
which the next bound refuses."""
_UNLIKELY = -1.5
"""Below that average log-probability the words are invented. Speech: above -0.6; words heard in noise: below -1.6."""
_DOUBTFUL = -1.0
"""Below that the padded window is tried as well; faster-whisper's own bound."""
_FAST_TOKENS_HZ = 9.0
"""Tokens a second that nobody says; speech has 3 to 6."""
_SUSPECT_TOKENS_HZ = 5.5
"""Above that, a phrase said twice is taken for the model's own repetition until the padded window says it too."""
_REPETITION = 2.4
"""Compression ratio above which a text repeats itself; faster-whisper's own bound."""


@dataclass(frozen=True, slots=True)
class Utterance:
    """One stretch of speech. Raises MediaError (empty, too-long, not-mono, not-finite)."""

    pcm: Samples
    """(n,) float32 in [-1, 1], 16 kHz mono, at most 120 s."""
    turn: TurnId
    """The turn it belongs to."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "pcm", checked(self.pcm, LONGEST_UTTERANCE_S))


@dataclass(frozen=True, slots=True)
class Transcript:
    """What was said."""

    text: str
    """The words; empty when there was no speech."""
    language: str
    """Language they are in, ISO 639-1."""
    log_probability: float
    """Average over the tokens, natural logarithm, at most 0; 0 when there was no speech."""
    no_speech_probability: float
    """That nobody spoke, 0 to 1."""
    audio_s: float
    """Seconds of sound that was heard."""
    turn: TurnId
    """The turn it belongs to."""


@dataclass(frozen=True, slots=True)
class _Hypothesis:
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

    def suspect(self, speech_s: float) -> bool:
        """Whether it looks like words that nobody said in `speech_s` seconds."""
        rate_hz = self.n_tokens / max(speech_s, 1.0)
        return (
            self.capped
            or self.log_probability < _DOUBTFUL
            or rate_hz > _FAST_TOKENS_HZ
            or (rate_hz > _SUSPECT_TOKENS_HZ and _says_twice(self.text))
            or _compression_ratio(self.text) > _REPETITION
        )


@dataclass(slots=True)
class _Loaded:
    """The model and what goes with it."""

    model: WhisperModel
    """faster-whisper's model."""
    tokenizer: Tokenizer
    """For the configured language."""
    prompt: list[int] = field(default_factory=list[int])
    """Start of transcript, language and task, no timestamps."""


class WhisperEngine:
    """A Whisper model in CTranslate2's format, int8 on the CPU."""

    def __init__(self, folder: Path, config: EarsConfig) -> None:
        """
        Args:
            folder: holds model.bin, config.json, tokenizer.json and vocabulary.txt.
        """
        self._folder = folder
        self._config = config
        self._loaded: _Loaded | None = None

    def load(self) -> None:
        """Open the model.

        Raises:
            STTError: codes model-missing, model-unreadable, unsupported-language.
        """
        missing = [name for name in _FILES if not (self._folder / name).is_file()]
        if missing:
            raise STTError(
                f"{self._folder} has no {missing[0]}", code="model-missing", hint="run `appliance models fetch`"
            )
        try:
            model = WhisperModel(
                str(self._folder),
                device="cpu",
                compute_type="int8",
                cpu_threads=self._config.threads,
                num_workers=1,
                local_files_only=True,
            )
        except (RuntimeError, ValueError, OSError) as error:
            raise STTError(
                f"{self._folder} holds no readable Whisper model: {error}",
                code="model-unreadable",
                hint="run `appliance models verify`",
            ) from error
        language = self._config.language
        if language not in model.supported_languages:
            raise STTError(
                f"this Whisper model does not hear {language!r}, only: {', '.join(model.supported_languages)}",
                code="unsupported-language",
                hint="set ears.language, or use a multilingual model",
            )
        tokenizer = Tokenizer(model.hf_tokenizer, model.model.is_multilingual, task="transcribe", language=language)
        self._loaded = _Loaded(model, tokenizer, [*tokenizer.sot_sequence, tokenizer.no_timestamps])

    def warm_up(self) -> None:
        """Run every window once, so that the first visitor does not wait for memory."""
        hiss = np.random.default_rng(0).normal(0.0, 0.01, RATE_HZ).astype(np.float32)
        for seconds in (10, 15, 30):
            self._decode(hiss, seconds)

    def transcribe(self, utterance: Utterance) -> Iterator[Transcript | None]:
        """Yield one Transcript; None after each window of a long utterance.

        Raises:
            STTError: the model failed, code inference-failed.
        """
        heard: list[_Hypothesis] = []
        silence = 1.0
        if loudest_dbfs(utterance.pcm) >= _SILENT_DBFS:
            for piece in pieces(utterance.pcm):
                hypothesis = self._hear(piece)
                silence = min(silence, hypothesis.no_speech_probability)
                if not hypothesis.silent and hypothesis.log_probability >= _UNLIKELY:
                    heard.append(hypothesis)
                yield None
        n_tokens = sum(hypothesis.n_tokens for hypothesis in heard)
        yield Transcript(
            text=" ".join(hypothesis.text for hypothesis in heard),
            language=self._config.language,
            log_probability=sum(h.log_probability * h.n_tokens for h in heard) / max(n_tokens, 1),
            no_speech_probability=silence,
            audio_s=len(utterance.pcm) / RATE_HZ,
            turn=utterance.turn,
        )

    def close(self) -> None:
        """Let the model go."""
        self._loaded = None

    def _hear(self, pcm: Samples) -> _Hypothesis:
        """Words of at most 29 s; made again in the padded window when the short one was not sound."""
        speech_s = len(pcm) / RATE_HZ
        seconds = window_s(speech_s)
        hypothesis = self._decode(pcm, seconds)
        if hypothesis.silent or not hypothesis.suspect(speech_s) or seconds == LONGEST_S:
            return hypothesis
        again = self._decode(pcm, LONGEST_S)
        logger.debug(
            "heard again in the padded window",
            extra={
                "window_s": seconds,
                "log_probability": round(hypothesis.log_probability, 2),
                "log_probability_padded": round(again.log_probability, 2),
            },
        )
        return again

    def _decode(self, pcm: Samples, seconds: int) -> _Hypothesis:
        loaded = self._loaded
        assert loaded is not None, "load() comes first"
        n_frames = seconds * 100
        features: Any = loaded.model.feature_extractor(padded(pcm, seconds))[:, :n_frames]
        n_most = math.ceil(10 * len(pcm) / RATE_HZ) + 16
        try:
            result = loaded.model.model.generate(
                loaded.model.encode(features),
                [loaded.prompt],
                beam_size=1,
                max_length=min(len(loaded.prompt) + n_most, loaded.model.max_length),
                return_scores=True,
                return_no_speech_prob=True,
            )[0]
        except RuntimeError as error:
            if "memory" in str(error).lower():
                raise STTError("Whisper ran out of memory", code="out-of-memory", hint="use a smaller model") from error
            raise STTError(f"Whisper failed: {error}", code="inference-failed") from error
        tokens = [token for token in result.sequences_ids[0] if token < loaded.tokenizer.eot]
        n_tokens = len(tokens)
        return _Hypothesis(
            text=loaded.tokenizer.decode(tokens).strip(),
            n_tokens=n_tokens,
            capped=n_tokens >= n_most,
            log_probability=result.scores[0] * n_tokens / (n_tokens + 1),
            no_speech_probability=result.no_speech_prob,
        )


def _compression_ratio(text: str) -> float:
    data = text.encode()
    return len(data) / len(zlib.compress(data))


def _says_twice(text: str) -> bool:
    """Whether four words in a row come again."""
    words = text.lower().split()
    seen: set[tuple[str, ...]] = set()
    for start in range(len(words) - 3):
        phrase = tuple(words[start : start + 4])
        if phrase in seen:
            return True
        seen.add(phrase)
    return False
