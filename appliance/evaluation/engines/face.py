"""`appliance bench face`: milliseconds of a drawn frame beside the stock way, and the share of a core while speaking.

A frame: the box's renderer is given stretches of recorded speech as its bridge gives them, the baseline draws the same
windows; they take turns. The share: this process draws and publishes an utterance in real time through a livekit-server
of its own to a watching process; its CPU time (net, mel, composition, sound, encoding, sending, Python), less what it
uses with nothing to do, over the seconds of speech.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from appliance.clock import monotonic
from appliance.codec import DECODES_ATTRIBUTE, VideoCodec, chosen
from appliance.config import Config, FaceConfig
from appliance.context import Context, Engines
from appliance.engine import SessionId
from appliance.evaluation.engines.plain_face import PlainFace
from appliance.evaluation.engines.published import core_share, speak, stage
from appliance.evaluation.questions import of_persona
from appliance.evaluation.timeline import RATE_HZ as RECORDED_HZ
from appliance.face import packs
from appliance.face.mel import RATE_HZ as MEL_HZ
from appliance.face.mel import mel_windows, presence
from appliance.face.renderer import FaceRenderer, RenderRequest
from appliance.face.resampler import Resampler
from appliance.personas.persona import load
from appliance.providers import ProviderFactory
from appliance.stage.publisher import RATE_HZ, PublishOptions

Floats = NDArray[np.float32]
Pcm16 = NDArray[np.int16]
Progress = Callable[[str], None]

_STRETCH = 24
"""Windows of one request: what the face asks of its engine at once, in whole batches of any size."""
_RECORDINGS = 8


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured."""

    rounds: int
    """Stretches that each way draws."""
    runs: int
    """Utterances that are published."""
    speech_s: float
    """Seconds of one utterance."""
    idle_s: float
    """Seconds of silence that are measured."""


@dataclass(slots=True)
class Samples:
    """Every single measurement."""

    ms_per_frame: list[float] = field(default_factory=list[float])
    """Mean of each stretch, with composition."""
    stock_ms_per_frame: list[float] = field(default_factory=list[float])
    """The same, the ordinary way."""
    batch_ms_per_frame: dict[str, list[float]] = field(default_factory=dict[str, list[float]])
    """By frames in one run of the net."""
    core_share_speaking: list[float] = field(default_factory=list[float])
    """Of each utterance, with encoding."""
    core_share_silent: list[float] = field(default_factory=list[float])
    """Published and silent, with encoding."""
    first_picture_ms: list[float] = field(default_factory=list[float])
    """From the first speech handed to the face to its first picture."""
    frames_late: int = 0
    """Pictures that were not there when their sound was heard."""
    frames_spoken: int = 0
    """Pictures that were due with speech."""

    def figures(self) -> dict[str, Any]:
        """Medians, in the words of `--json`."""
        return {
            "ms_per_frame": _median(self.ms_per_frame),
            "core_share_speaking": _median(self.core_share_speaking, 3),
            "ratio": round(float(np.median(self.ms_per_frame) / np.median(self.stock_ms_per_frame)), 3),
            "stock_ms_per_frame": _median(self.stock_ms_per_frame),
            "batch_ms_per_frame": {name: _median(values) for name, values in self.batch_ms_per_frame.items()},
            "core_share_silent": _median(self.core_share_silent, 3),
            "first_picture_ms": _median(self.first_picture_ms),
            "late_share": round(self.frames_late / max(self.frames_spoken, 1), 4),
        }


async def measure(config: Config, paths: Mapping[str, Path], plan: Plan, progress: Progress) -> Samples:
    """Run the whole measurement.

    Raises:
        AgentError: a model, the livekit-server or the room failed.
    """
    config = dataclasses.replace(config, face=dataclasses.replace(config.face, threads=1))
    files = dict(paths) | ({"avatar": packs.find(config.face.avatar)} if config.face.avatar else {})
    context = Context(Engines(), files, load(config.session.persona), SessionId("bench"))
    progress("preparing speech")
    recordings = await asyncio.to_thread(of_persona, context.persona, paths["voice"], _RECORDINGS)
    speech = [recording.pcm for recording in recordings]
    samples = Samples()
    await asyncio.to_thread(_draw, _Drawing(config.face, files, plan.rounds, progress), speech, samples)
    await _publish(_Publishing(config.face, context, plan, progress), speech, samples)
    return samples


def _median(values: Sequence[float], digits: int = 2) -> float:
    return round(float(np.median(values)), digits)


# ---- one frame


@dataclass(frozen=True, slots=True)
class _Drawing:
    config: FaceConfig
    files: Mapping[str, Path]
    rounds: int
    progress: Progress


def _draw(of: _Drawing, speech: Sequence[Pcm16], samples: Samples) -> None:
    cv2.setNumThreads(of.config.threads)
    renderer = FaceRenderer(of.files["face"], of.files["avatar"], of.config)
    renderer.load()
    renderer.warm_up()
    while renderer.prepare():  # as a box does while nobody is there
        pass
    windows = _sounding(speech, of.config.fps, renderer.window_offset_s)
    stock = PlainFace(of.files["face"], renderer.avatar, threads=of.config.threads)
    sizes = [size for size in (1, 2, 4, 8) if size <= of.config.batch_max]
    for number in range(of.rounds + 1):
        of.progress(f"drawing, {number} of {of.rounds}")
        first = number * _STRETCH
        stretch = windows[np.arange(first, first + _STRETCH) % len(windows)]
        ours, stock_ms = _ours(renderer, stretch, first, _STRETCH), _stock(stock, stretch, first)
        batches = {str(size): _ours(renderer, stretch, first, size) for size in sizes}
        if number:  # the first one warms both up
            samples.ms_per_frame.append(ours)
            samples.stock_ms_per_frame.append(stock_ms)
            for name, value in batches.items():
                samples.batch_ms_per_frame.setdefault(name, []).append(value)
    renderer.close()


def _ours(renderer: FaceRenderer, stretch: Floats, first: int, size: int) -> float:
    """Milliseconds a frame, the stretch asked for `size` windows at a time, as the bridge asks."""
    started_s = monotonic()
    for at in range(0, len(stretch), size):
        windows = stretch[at : at + size]
        request = RenderRequest(tuple(range(first + at, first + at + len(windows))), windows)
        list(renderer.pictures(request))
    return (monotonic() - started_s) * 1000 / len(stretch)


def _stock(stock: PlainFace, stretch: Floats, first: int) -> float:
    started_s = monotonic()
    for place, window in enumerate(stretch):
        stock.draw(first + place, window)
    return (monotonic() - started_s) * 1000 / len(stretch)


def _sounding(speech: Sequence[Pcm16], fps: int, offset_s: float) -> Floats:
    """The windows of all recordings in which there is sound, (n, 80, 16): only these need the net."""
    cut = [mel_windows(_resampled(pcm, MEL_HZ), fps=fps, offset_s=offset_s) for pcm in speech]
    windows = np.concatenate(cut)
    return np.ascontiguousarray(windows[presence(windows) > 0])


def _resampled(pcm: Pcm16, rate_hz: int) -> Floats:
    resampler = Resampler(RECORDED_HZ, rate_hz)
    return np.concatenate([resampler.push(pcm), resampler.flush()])


# ---- published


@dataclass(frozen=True, slots=True)
class _Publishing:
    config: FaceConfig
    context: Context
    plan: Plan
    progress: Progress


async def _publish(of: _Publishing, speech: Sequence[Pcm16], samples: Samples) -> None:
    plan = of.plan
    video_codec = chosen(of.config.video_codec, {DECODES_ATTRIBUTE: VideoCodec.H264})
    options = PublishOptions(of.config.fps, of.config.bitrate_kbps, video_codec)
    face = ProviderFactory(of.context).create_avatar(of.config)
    try:
        await of.context.engines.ready()
        await of.context.engines.prepared()
        utterance = _utterance(speech, plan.speech_s)
        bare = await core_share(plan.idle_s)
        of.progress("starting a livekit-server")
        async with stage(face, options) as publisher:
            for number in range(plan.runs):
                of.progress(f"speaking in real time, {number + 1} of {plan.runs}")
                samples.core_share_silent.append(await core_share(plan.idle_s) - bare)
                spoken = await speak(publisher, face, number, utterance)
                samples.core_share_speaking.append(spoken.core_share - bare)
                samples.first_picture_ms.append(spoken.first_picture_ms)
                samples.frames_late += spoken.late
                samples.frames_spoken += len(utterance) * of.config.fps // RATE_HZ
    finally:
        await of.context.engines.close()


def _utterance(speech: Sequence[Pcm16], seconds: float) -> Pcm16:
    """Recordings one after the other without a pause, (n,) int16 at the stage's rate."""
    whole = np.concatenate([_resampled(pcm, RATE_HZ) for pcm in speech])
    return np.resize((whole * 32767).astype(np.int16), round(seconds * RATE_HZ))
