"""The Piper engine: text comes in, speech goes out clause by clause, with the times of its phonemes."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
from piper import PiperVoice, SynthesisConfig
from piper.config import PiperConfig
from piper.const import BOS, EOS, PAD
from piper.patch_voice_with_alignment import add_alignment_output

from appliance.config import VoiceConfig
from appliance.engine import TurnId
from appliance.errors import TTSError
from appliance.voice.phonemes import PhonemeTime, phoneme_times
from appliance.voice.text import CHARACTERS_MAX, clauses, speakable

logger = logging.getLogger(__name__)

Samples = npt.NDArray[np.float32]

_LEVEL = 0.1
"""Loudness of speech: root mean square of what sounds, -20 dBFS. Piper itself scales every piece to its own peak, so
that a quiet clause would jump out."""
_PEAK = 0.97
_LEAD_S = 0.02
"""Silence kept before the first sound; the model makes 30 to 95 ms of it."""


@dataclass(frozen=True, slots=True)
class SpeechRequest:
    """Something to say."""

    text: str
    """One or more sentences, at most 20,000 characters."""
    turn: TurnId
    """The turn it belongs to."""


@dataclass(frozen=True, slots=True)
class SpeechAudio:
    """One clause, spoken."""

    pcm: Samples
    """(n,) float32 in [-1, 1], mono."""
    rate_hz: int
    """Samples a second."""
    phonemes: tuple[PhonemeTime, ...]
    """What sounds when, from the start of `pcm`; empty when the voice has no timing."""
    text: str
    """What is said."""
    turn: TurnId
    """The turn it belongs to."""


def voice_rate_hz(onnx_file: Path) -> int:
    """Samples a second of a voice, which its settings tell before it is loaded.

    Raises:
        TTSError: codes model-missing, model-unreadable.
    """
    rate_hz = _settings(onnx_file).get("audio", {}).get("sample_rate")
    if not isinstance(rate_hz, int):
        raise _unreadable(onnx_file, "its settings name no sample rate")
    return rate_hz


class PiperEngine:
    """A Piper voice on the CPU."""

    def __init__(self, onnx_file: Path, config: VoiceConfig) -> None:
        """
        Args:
            onnx_file: the voice; its settings lie beside it under the same name and `.json`.
        """
        self._file = onnx_file
        self._config = config
        self._voice: PiperVoice | None = None

    def load(self) -> None:
        """Open the voice.

        Raises:
            TTSError: codes model-missing, model-unreadable.
        """
        settings = _settings(self._file)
        try:
            config = PiperConfig.from_dict(settings)
            session = _session(self._file, self._config.threads)
        except Exception as error:  # onnx and onnxruntime raise protobuf's and pybind's own kinds
            raise _unreadable(self._file, error) from error
        self._voice = PiperVoice(session=session, config=config)

    def warm_up(self) -> None:
        """Say something short and something long, so that the first visitor does not wait for memory."""
        for text in ("Hello.", "This is what a sentence of the usual length sounds like."):
            for _ in self.synthesize(SpeechRequest(text, TurnId(0))):
                pass

    def synthesize(self, request: SpeechRequest) -> Iterator[SpeechAudio | None]:
        """Yield the speech clause by clause.

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
        said = False
        for clause in clauses(speakable(request.text, voice.config.espeak_voice)):
            phonemes = _phonemes(voice, clause)
            if not any(phoneme.isalpha() for phoneme in phonemes):
                continue
            pcm, times = self._say(phonemes, trimmed=not said)
            said = True
            yield SpeechAudio(pcm, voice.config.sample_rate, times, clause, request.turn)
        if not said:
            raise TTSError(
                "there is nothing in the text that this voice can say",
                code="unspeakable",
                hint="use words of the voice's language",
            )

    def close(self) -> None:
        """Let the model go."""
        self._voice = None

    def _opened(self) -> PiperVoice:
        assert self._voice is not None, "load() comes first"
        return self._voice

    def _say(self, phonemes: list[str], *, trimmed: bool) -> tuple[Samples, tuple[PhonemeTime, ...]]:
        voice = self._opened()
        ids = voice.phonemes_to_ids(phonemes)
        scales = SynthesisConfig(length_scale=voice.config.length_scale * self._config.length_scale)
        made: Any = voice.phoneme_ids_to_audio(ids, scales, include_alignments=True)
        pcm: Samples = np.atleast_1d(made[0]).astype(np.float32)
        n_samples = None if made[1] is None else _per_symbol(voice.config, phonemes, np.atleast_1d(made[1]))
        if trimmed:
            n_cut = max(0, _onset(pcm) - int(_LEAD_S * voice.config.sample_rate))
            if n_samples is not None:
                n_cut = min(n_cut, n_samples[0])
                n_samples[0] -= n_cut
            pcm = pcm[n_cut:]
        times: tuple[PhonemeTime, ...] = ()
        if n_samples is not None:
            times = phoneme_times([BOS, *phonemes, EOS], n_samples, voice.config.sample_rate)
        return _levelled(pcm), times


def _settings(onnx_file: Path) -> dict[str, Any]:
    file = onnx_file.with_name(onnx_file.name + ".json")
    for needed in (onnx_file, file):
        if not needed.is_file():
            raise TTSError(f"there is no {needed}", code="model-missing", hint="run `appliance models fetch`")
    try:
        return dict(json.loads(file.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise _unreadable(file, error) from error


def _unreadable(file: Path, why: object) -> TTSError:
    return TTSError(
        f"{file} is no readable Piper voice: {why}", code="model-unreadable", hint="run `appliance models verify`"
    )


def _session(file: Path, threads: int) -> onnxruntime.InferenceSession:
    """The model with the durations of its phonemes as a second output, and no more threads than it is given."""
    model = onnx.load(str(file))
    try:
        add_alignment_output(model)
    except ValueError:  # it has that output already, or its graph is none of Piper's usual ones
        logger.info("the voice is used as it is: phoneme times may be missing")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def _phonemes(voice: PiperVoice, clause: str) -> list[str]:
    """Those of `clause` that the voice knows, in one row where espeak-ng sees several sentences."""
    phonemes: list[str] = []
    for sentence in voice.phonemize(clause):
        phonemes += [" ", *sentence] if phonemes else sentence
    return [phoneme for phoneme in phonemes if phoneme in voice.config.phoneme_id_map]


def _per_symbol(config: PiperConfig, phonemes: list[str], n_samples: npt.NDArray[np.int64]) -> list[int] | None:
    """Samples of the beginning, each phoneme and the end, with the padding behind each; None if they do not fit."""
    n_pad = len(config.phoneme_id_map[PAD])
    counts = [len(config.phoneme_id_map[phoneme]) + n_pad for phoneme in (BOS, *phonemes)]
    ends = np.cumsum(counts)
    if ends[-1] + len(config.phoneme_id_map[EOS]) != len(n_samples):
        return None
    return [int(part.sum()) for part in np.split(n_samples, ends)]


def _onset(pcm: Samples) -> int:
    """Index of the first sample that can be heard."""
    heard = np.abs(pcm) > 0.02 * np.abs(pcm).max(initial=0.0)
    return int(heard.argmax())


def _levelled(pcm: Samples) -> Samples:
    """`pcm` at the house's loudness, never clipped."""
    peak = float(np.abs(pcm).max(initial=0.0))
    if peak < 1e-4 or not np.isfinite(peak):
        return np.nan_to_num(pcm)
    sounding = np.square(pcm[np.abs(pcm) > 0.05 * peak]).mean()
    return (pcm * min(_LEVEL / float(np.sqrt(sounding)), _PEAK / peak)).astype(np.float32)
