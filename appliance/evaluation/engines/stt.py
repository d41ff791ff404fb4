"""`appliance bench stt`: clips with known words go through our ears and through `faster_whisper`'s `transcribe()`.

Both hold the same model on the same device, and hear each clip in turn in the same process, so that a slow minute of
the machine meets both.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from faster_whisper import WhisperModel
from livekit import rtc

from appliance.clock import Clock, monotonic
from appliance.config import EarsConfig
from appliance.ears.plugin import samples
from appliance.ears.whisper import Transcript, Utterance, WhisperEngine
from appliance.ears.windows import RATE_HZ, Samples
from appliance.engine import TurnId
from appliance.evaluation import questions, timeline
from appliance.evaluation.clips import Clip
from appliance.evaluation.measures import spread
from appliance.personas.persona import Persona

Progress = Callable[[str], None]
Listen = Callable[[Samples], str]


@dataclass(slots=True)
class Heard:
    """One system's answers."""

    ms: dict[str, list[float]] = field(default_factory=dict[str, list[float]])
    """Clip -> milliseconds from its sound to its words, one a round."""
    words: dict[str, str] = field(default_factory=dict[str, str])
    """Clip -> what was heard."""


def of_persona(persona: Persona, voice: Path, count: int) -> list[Clip]:
    """Questions of a persona, spoken by the box's own voice.

    Args:
        voice: a Piper voice, .onnx with its .json beside it.
    """
    spoken = questions.of_persona(persona, voice, count)
    return [Clip(recording.name, _at_16_khz(recording.pcm), recording.name) for recording in spoken]


def measure(
    clips: Sequence[Clip], systems: Mapping[str, Listen], rounds: int, progress: Progress, clock: Clock = monotonic
) -> dict[str, Heard]:
    """Let every system hear every clip `rounds` times, taking turns; once more before, which is not counted."""
    heard = {name: Heard() for name in systems}
    for done in range(rounds + 1):
        for clip in clips:
            progress(f"hearing {clip.name}, round {done} of {rounds}")
            for name, listen in systems.items():
                started_s = clock()
                text = listen(clip.pcm)
                if done:
                    heard[name].ms.setdefault(clip.name, []).append((clock() - started_s) * 1000)
                heard[name].words[clip.name] = text
    return heard


def figures(clips: Sequence[Clip], heard: Mapping[str, Heard]) -> dict[str, Any]:
    """What is reported of `ours` and `stock`; `ratio` is the median over clips of a clip's medians."""
    ours, stock = heard["ours"], heard["stock"]
    medians = {name: [float(np.median(system.ms[clip.name])) for clip in clips] for name, system in heard.items()}
    ratios = [mine / theirs for mine, theirs in zip(medians["ours"], medians["stock"], strict=True)]
    return {
        "ratio": round(float(np.median(ratios)), 3),
        "wer": {name: round(word_error_rate(clips, system.words), 4) for name, system in heard.items()},
        "final_ms": _milliseconds(ours),
        "stock_ms": _milliseconds(stock),
        "speech_s": round(sum(len(clip.pcm) for clip in clips) / RATE_HZ, 1),
        "clips": len(clips),
    }


def word_error_rate(clips: Sequence[Clip], heard: Mapping[str, str]) -> float:
    """Words to insert, delete or replace in all that was heard, to one word that was said; case, punctuation aside."""
    pairs = [(plain(clip.words), plain(heard[clip.name])) for clip in clips]
    return sum(_edits(said, words) for said, words in pairs) / max(sum(len(said) for said, _ in pairs), 1)


def plain(text: str) -> list[str]:
    """The words of a text in small letters, without punctuation."""
    return re.sub(r"[^\w' ]|_", " ", text.lower().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")).split()


def listen_with(engine: WhisperEngine) -> Listen:
    """Our ears, driven as the bridge drives them."""

    def listen(pcm: Samples) -> str:
        for item in engine.transcribe(Utterance(pcm, TurnId(0))):
            if isinstance(item, Transcript):
                return item.text
            engine.advance()
        raise AssertionError("the last item is a transcript")

    return listen


def stock(folder: Path, config: EarsConfig, runs_on: tuple[str, str]) -> Listen:
    """`transcribe()` as its users call it, greedy, which is the faster of the two ordinary ways.

    Args:
        runs_on: device and compute type, those of our ears.
    """
    device, kind = runs_on
    model = WhisperModel(
        str(folder), device=device, compute_type=kind, cpu_threads=config.threads, local_files_only=True
    )

    def listen(pcm: Samples) -> str:
        segments, _ = model.transcribe(pcm, language=config.language, beam_size=1)
        return " ".join(segment.text.strip() for segment in segments)

    return listen


def _milliseconds(heard: Heard) -> dict[str, float]:
    found = spread([ms for values in heard.ms.values() for ms in values])
    assert found is not None, "there is at least one clip and one round"
    return {"p50": round(found.p50, 1), "p95": round(found.p95, 1)}


def _edits(said: Sequence[str], heard: Sequence[str]) -> int:
    """Levenshtein's distance."""
    row = list(range(len(heard) + 1))
    for i, word in enumerate(said, 1):
        before, row[0] = row[0], i
        for j, other in enumerate(heard, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (word != other))
    return row[-1]


def _at_16_khz(pcm: timeline.Pcm16) -> Samples:
    return samples(rtc.AudioFrame(pcm.tobytes(), timeline.RATE_HZ, 1, len(pcm)))
