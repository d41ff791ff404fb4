"""The Whisper engine: an utterance comes in, its words and how sure the model is of them go out.

faster-whisper's `transcribe` pads every utterance to 30 s. Here the same model is run on the smallest window that it
bears (see windows.py), greedily; an answer that looks wrong is made again in the padded window.

On a CPU the model is open twice, which takes 88 MB more: its encoder is quicker on several threads, its decoder, whose
every step is many small sums, on one. Measured on two cores: eight words in 19 ms on one thread and in 60 on two.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ctranslate2
import numpy as np
from ctranslate2 import StorageView
from faster_whisper import WhisperModel
from faster_whisper.tokenizer import Tokenizer

from appliance.config import EarsConfig
from appliance.ears.features import Features, LogMel
from appliance.ears.hypothesis import FAST_TOKENS_HZ, Hypothesis
from appliance.ears.windows import LONGEST_S, RATE_HZ, Samples, checked, led, loudest_dbfs, pieces, window_s
from appliance.engine import TurnId
from appliance.errors import STTError

logger = logging.getLogger(__name__)

LONGEST_UTTERANCE_S = 120.0
"""One question; a longer recording is refused."""

_FILES = ("model.bin", "config.json", "tokenizer.json")
_SILENT_DBFS = -60.0
"""Quieter than that is not speech: the model is not asked (it answers "you" to digital silence)."""
_FEWEST_TOKENS = 8
"""Granted to the shortest word beside what its length allows."""
_BATCH = 4
"""Windows that are decoded together. On two cores four take as long as 2.8 alone: the last one waits less, the first
one no longer than if it had been the third."""


@dataclass(frozen=True, slots=True)
class Utterance:
    """One stretch of speech. Raises MediaError (empty, too-long, not-mono, not-finite)."""

    pcm: Samples
    """(n,) float32 in [-1, 1], 16 kHz mono, at most 120 s."""
    turn: TurnId
    """The turn it belongs to."""
    voice_probability: float = 1.0
    """The most that voice activity was sure of it, 0 to 1; 1 where nobody asked."""

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


@dataclass(slots=True, eq=False)
class _Window:
    """One window of one utterance, waiting for the model."""

    features: Features
    """(bands, seconds * 100) float32."""
    seconds: int
    """Its length."""
    n_most: int
    """Tokens after which it is stopped: more than anybody says."""
    hypothesis: Hypothesis | None = None
    """The model's answer."""
    error: STTError | None = None
    """Or why there is none."""


@dataclass(frozen=True, slots=True)
class _Loaded:
    """The model and what goes with it."""

    model: WhisperModel
    """faster-whisper's model, whose encoder is used."""
    decoder: Any
    """CTranslate2's, on one thread; on a GPU it is that of the model."""
    tokenizer: Tokenizer
    """For the configured language."""
    prompt: list[int]
    """Start of transcript, language and task, no timestamps."""
    log_mel: LogMel
    """Makes what the model sees."""
    runs_on: tuple[str, str]
    """Device and compute type."""


class WhisperEngine:
    """A Whisper model in CTranslate2's format: float16 on a GPU where there is one, else int8 on the CPU."""

    def __init__(self, folder: Path, config: EarsConfig) -> None:
        """
        Args:
            folder: holds model.bin, config.json, tokenizer.json and vocabulary.txt.
        """
        self._folder = folder
        self._config = config
        self._loaded: _Loaded | None = None
        self._waiting: list[_Window] = []

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
        model, decoder, runs_on = self._open()
        language = self._config.language
        if language not in model.supported_languages:
            raise STTError(
                f"this Whisper model does not hear {language!r}, only: {', '.join(model.supported_languages)}",
                code="unsupported-language",
                hint="set ears.language, or use a multilingual model",
            )
        tokenizer = Tokenizer(model.hf_tokenizer, model.model.is_multilingual, task="transcribe", language=language)
        filters: Any = model.feature_extractor.mel_filters
        prompt = [*tokenizer.sot_sequence, tokenizer.no_timestamps]
        self._loaded = _Loaded(model, decoder, tokenizer, prompt, LogMel(filters), runs_on)

    @property
    def runs_on(self) -> tuple[str, str]:
        """Device and compute type: ("cpu", "int8") or ("cuda", "float16")."""
        assert self._loaded is not None, "load() comes first"
        return self._loaded.runs_on

    def warm_up(self) -> None:
        """Run every window once, so that the first visitor does not wait for memory."""
        hiss = np.random.default_rng(0).normal(0.0, 0.01, RATE_HZ).astype(np.float32)
        for seconds in (10, 15, 30):
            self._decode([self._window(hiss, seconds)])

    def transcribe(self, utterance: Utterance) -> Iterator[Transcript | None]:
        """Yield one Transcript; before it None, while its windows wait for `advance`.

        Raises:
            STTError: the model failed, codes inference-failed, out-of-memory.
        """
        heard: list[Hypothesis] = []
        silence = 1.0
        if loudest_dbfs(utterance.pcm) >= _SILENT_DBFS:
            for piece in pieces(utterance.pcm):
                hypothesis = yield from self._hear(piece)
                silence = min(silence, hypothesis.no_speech_probability)
                if hypothesis.believable(utterance.voice_probability):
                    heard.append(hypothesis)
        n_tokens = sum(hypothesis.n_tokens for hypothesis in heard)
        yield Transcript(
            text=" ".join(hypothesis.text for hypothesis in heard),
            language=self._config.language,
            log_probability=sum(h.log_probability * h.n_tokens for h in heard) / max(n_tokens, 1),
            no_speech_probability=silence,
            audio_s=len(utterance.pcm) / RATE_HZ,
            turn=utterance.turn,
        )

    def advance(self) -> None:
        """Run the model once: on the window that waits longest, and on others of its length that wait as well."""
        if not self._waiting:
            return
        seconds = self._waiting[0].seconds
        batch = [window for window in self._waiting if window.seconds == seconds][:_BATCH]
        self._waiting = [window for window in self._waiting if window not in batch]
        try:
            for window, hypothesis in zip(batch, self._decode(batch), strict=True):
                window.hypothesis = hypothesis
        except STTError as error:
            for window in batch:
                window.error = error

    def close(self) -> None:
        """Let the model go."""
        self._loaded = None
        self._waiting = []

    def _open(self) -> tuple[WhisperModel, Any, tuple[str, str]]:
        error: Exception | None = None
        for device, kind in _devices():
            try:
                model = WhisperModel(
                    str(self._folder),
                    device=device,
                    compute_type=kind,
                    cpu_threads=self._config.threads,
                    num_workers=1,
                    local_files_only=True,
                )
                decoder: Any = model.model
                if device == "cpu":
                    decoder = ctranslate2.models.Whisper(str(self._folder), compute_type=kind, intra_threads=1)
                else:  # a missing CUDA library shows when the model is run, not when it is opened
                    model.encode(np.zeros((model.feature_extractor.mel_filters.shape[0], 1000), np.float32))
            except (RuntimeError, ValueError, OSError) as failure:
                error = failure
                logger.warning("Whisper could not be opened", extra={"device": device, "reason": str(failure)})
            else:
                logger.info("Whisper opened", extra={"device": device, "compute_type": kind})
                return model, decoder, (device, kind)
        raise STTError(
            f"{self._folder} holds no readable Whisper model: {error}",
            code="model-unreadable",
            hint="run `appliance models verify`",
        ) from error

    def _hear(self, pcm: Samples) -> Generator[None, None, Hypothesis]:
        """Words of at most 29 s; made again in the padded window when the short one was not sound."""
        speech_s = len(pcm) / RATE_HZ
        seconds = window_s(speech_s)
        hypothesis = yield from self._decoded(self._window(pcm, seconds))
        if hypothesis.silent or not hypothesis.suspect(speech_s) or seconds == LONGEST_S:
            return hypothesis
        again = yield from self._decoded(self._window(pcm, LONGEST_S))
        logger.debug(
            "heard again in the padded window",
            extra={
                "window_s": seconds,
                "log_probability": round(hypothesis.log_probability, 2),
                "log_probability_padded": round(again.log_probability, 2),
            },
        )
        return again

    def _decoded(self, window: _Window) -> Generator[None, None, Hypothesis]:
        """Wait until `advance` has run the model on the window; closing the generator takes it out again."""
        self._waiting.append(window)
        try:
            while window.hypothesis is None:
                if window.error is not None:
                    raise window.error
                yield None
            return window.hypothesis
        finally:
            if window in self._waiting:
                self._waiting.remove(window)

    def _window(self, pcm: Samples, seconds: int) -> _Window:
        loaded = self._loaded
        assert loaded is not None, "load() comes first"
        n_most = math.ceil(FAST_TOKENS_HZ * len(pcm) / RATE_HZ) + _FEWEST_TOKENS
        return _Window(loaded.log_mel(led(pcm), seconds), seconds, min(n_most, loaded.model.max_length // 2))

    def _decode(self, batch: list[_Window]) -> list[Hypothesis]:
        """Run the model on windows of one length."""
        loaded = self._loaded
        assert loaded is not None, "load() comes first"
        features = StorageView.from_array(np.stack([window.features for window in batch]))
        try:
            results = loaded.decoder.generate(
                loaded.model.model.encode(features),
                [loaded.prompt] * len(batch),
                beam_size=1,
                max_length=2 * max(window.n_most for window in batch),  # CTranslate2 makes at most half of it
                return_scores=True,
                return_no_speech_prob=True,
            )
        except RuntimeError as error:
            if "memory" in str(error).lower():
                raise STTError("Whisper ran out of memory", code="out-of-memory", hint="use a smaller model") from error
            raise STTError(f"Whisper failed: {error}", code="inference-failed") from error
        return [_hypothesis(loaded.tokenizer, *pair) for pair in zip(batch, results, strict=True)]


def _hypothesis(tokenizer: Tokenizer, window: _Window, result: Any) -> Hypothesis:
    tokens = [token for token in result.sequences_ids[0] if token < tokenizer.eot]
    n_tokens = len(tokens)
    return Hypothesis(
        text=tokenizer.decode(tokens).strip(),
        n_tokens=n_tokens,
        capped=n_tokens >= window.n_most,
        log_probability=result.scores[0] * n_tokens / (n_tokens + 1),
        no_speech_probability=result.no_speech_prob,
    )


def _devices() -> list[tuple[str, str]]:
    """Device and compute type, in the order in which they are tried."""
    try:
        gpu = ctranslate2.get_cuda_device_count() > 0
    except RuntimeError:  # a driver that does not fit
        gpu = False
    return [("cuda", "float16"), ("cpu", "int8")] if gpu else [("cpu", "int8")]
