"""The voice beside Piper's own `synthesize()`: sentences go in; first sound, speed and differing samples come out."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import helper
from piper import PiperVoice

from appliance.clock import monotonic
from appliance.config import VoiceConfig
from appliance.engine import TurnId
from appliance.voice import vits
from appliance.voice.cutting import pieces
from appliance.voice.piper import PiperEngine
from appliance.voice.speech import SpeechRequest, pcm16

SENTENCES = (
    "If you would like to see the old masters first, take the stairs on your left up to the second floor, walk through "
    "the long gallery with the tall windows, and you will find them in the three rooms behind it, right beside the "
    "small café and its terrace.",
    "The exhibition on the second floor is open until six in the evening on every day of the week except for Monday, "
    "and you can leave your coats and your bags in the lockers downstairs, which take a coin that you get back when "
    "you return the key.",
    "Good morning, and welcome to our house, which was built almost two hundred years ago for a merchant and his "
    "family, was a school and then a hospital for some time, and has shown paintings, furniture and old instruments "
    "to its visitors ever since the war.",
)
"""One sentence each, about 12 s: with an early comma, without one, and with two."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured."""

    repetitions: int = 15
    """Of each sentence, by each system, in turn."""
    wholes: int = 3
    """Of these, how many are spoken to the end, for the speed."""


@dataclass(slots=True)
class Samples:
    """Every single measurement."""

    first_audio_ms: list[float] = field(default_factory=list[float])
    """The engine on one thread: from the call to its first chunk."""
    first_audio_two_threads_ms: list[float] = field(default_factory=list[float])
    """The same on two threads."""
    stock_first_audio_ms: list[float] = field(default_factory=list[float])
    """Piper's own: from the call to its first chunk."""
    sentence_s: list[float] = field(default_factory=list[float])
    """How long each sentence is, as Piper says it."""
    rtf: list[float] = field(default_factory=list[float])
    """The engine on one thread: seconds of computing for a second of speech."""
    stock_rtf: list[float] = field(default_factory=list[float])
    """Piper's own, on as many threads as there are cores."""
    samples: int = 0
    """Compared, of each thread number."""
    samples_differing: dict[str, int] = field(default_factory=dict[str, int])
    """Threads -> int16 samples that differ from the whole model's, which Piper runs with the same noise."""


def measure(voice: Path, config: VoiceConfig, plan: Plan, progress: Callable[[str], None]) -> Samples:
    """Run everything; the systems take turns, so that a slow minute meets all of them."""
    samples = Samples()
    for threads in (1, 2):
        progress(f"comparing samples, {threads} thread{'s' * (threads - 1)}")
        samples.samples, samples.samples_differing[str(threads)] = differing(voice, threads)
    progress("loading voices")
    one, two = (_engine(voice, dataclasses.replace(config, threads=threads)) for threads in (1, 2))
    stock = PiperVoice.load(voice)
    list(stock.synthesize("This is what a sentence of the usual length sounds like."))
    for turn in range(plan.repetitions):
        for sentence in SENTENCES:
            progress(f"speaking {turn + 1} of {plan.repetitions}")
            _speak(sentence, one, samples.first_audio_ms, samples.rtf if turn < plan.wholes else None)
            _speak(sentence, two, samples.first_audio_two_threads_ms, None)
            seconds = _speak_stock(sentence, stock, samples)
            if not turn:
                samples.sentence_s.append(round(seconds, 2))
    one.close()
    two.close()
    return samples


def differing(voice: Path, threads: int) -> tuple[int, int]:
    """Samples compared, and how many differ: our chunks against Piper's own call of the whole model.

    Both get a copy of the model whose noise has a seed, so that they draw the same; each sentence is said in the pieces
    in which a reply is, and in one.
    """
    with _seeded(voice) as copy:
        ours = vits.load(copy, threads)
        stock = PiperVoice.load(copy)
        scales = (stock.config.noise_scale, stock.config.length_scale, stock.config.noise_w_scale)
        n_compared = n_differing = 0
        for text in (*(piece for sentence in SENTENCES for piece in pieces(sentence)), *SENTENCES):
            ids = stock.phonemes_to_ids([phoneme for part in stock.phonemize(text) for phoneme in part])
            mine = pcm16(np.concatenate(list(ours.speak(ids, scales).chunks)))
            theirs = pcm16(np.asarray(stock.phoneme_ids_to_audio(ids), np.float32).reshape(-1))
            n_compared += max(len(mine), len(theirs))
            shared = min(len(mine), len(theirs))
            n_differing += int((mine[:shared] != theirs[:shared]).sum()) + abs(len(mine) - len(theirs))
    return n_compared, n_differing


def figures(samples: Samples) -> dict[str, Any]:
    """What `--json` prints."""
    first, stock = _percentiles(samples.first_audio_ms), _percentiles(samples.stock_first_audio_ms)
    return {
        "first_audio_ms": first,
        "stock_first_audio_ms": stock,
        "two_threads_first_audio_ms": _percentiles(samples.first_audio_two_threads_ms),
        "ratio": round(first["p50"] / stock["p50"], 3),
        "samples_differing": sum(samples.samples_differing.values()),
        "samples_compared": samples.samples * len(samples.samples_differing),
        "rtf": round(float(np.median(samples.rtf)), 4),
        "stock_rtf": round(float(np.median(samples.stock_rtf)), 4),
        "sentence_s": round(float(np.mean(samples.sentence_s)), 1),
    }


def _engine(voice: Path, config: VoiceConfig) -> PiperEngine:
    engine = PiperEngine(voice, config)
    engine.load()
    engine.warm_up()
    return engine


def _speak(text: str, engine: PiperEngine, first_ms: list[float], rtf: list[float] | None) -> None:
    started_s = monotonic()
    chunks = engine.synthesize(SpeechRequest(text, TurnId(0)))
    chunk = next(chunks)
    first_ms.append((monotonic() - started_s) * 1000)
    assert chunk is not None
    if rtf is not None:
        n_samples = len(chunk.pcm) + sum(len(later.pcm) for later in chunks if later is not None)
        rtf.append((monotonic() - started_s) / (n_samples / chunk.rate_hz))


def _speak_stock(text: str, voice: PiperVoice, samples: Samples) -> float:
    """Say it with Piper's own call, as its users do; its length in seconds."""
    started_s = monotonic()
    chunks = iter(voice.synthesize(text))
    chunk = next(chunks)
    samples.stock_first_audio_ms.append((monotonic() - started_s) * 1000)
    seconds = sum(len(part.audio_float_array) / part.sample_rate for part in (chunk, *chunks))
    samples.stock_rtf.append((monotonic() - started_s) / seconds)
    return seconds


@contextmanager
def _seeded(voice: Path) -> Generator[Path]:
    """A copy of the voice whose noise begins anew in every session."""
    model = onnx.load(str(voice))
    noises = [node for node in model.graph.node if node.op_type.startswith("Random")]
    for index, node in enumerate(noises):
        kept = [attribute for attribute in node.attribute if attribute.name != "seed"]
        del node.attribute[:]
        node.attribute.extend([*kept, helper.make_attribute("seed", float(index + 1))])
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / voice.name
        onnx.save(model, str(copy))
        settings = voice.with_name(voice.name + ".json")
        copy.with_name(settings.name).write_bytes(settings.read_bytes())
        yield copy


def _percentiles(values: Sequence[float]) -> dict[str, float]:
    p50, p95 = np.percentile(values, [50, 95])
    return {"p50": round(float(p50), 1), "p95": round(float(p95), 1)}
