"""`appliance bench face`: milliseconds of a drawn frame beside the stock way, and the share of a core while speaking.

The box's own voice speaks, and tells its phonemes if it can. A frame: the box's renderer is given stretches of that as
its bridge gives them, the baseline draws the mel windows of the same sound; they take turns. The share: this process
draws and publishes an utterance in real time through a livekit-server of its own to a watching process; its CPU time
(net, composition, sound, encoding, sending, Python), less what it uses with nothing to do, over the seconds of speech.
"""

from __future__ import annotations

import asyncio
import dataclasses
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from livekit import rtc
from numpy.typing import NDArray

from appliance.clock import monotonic
from appliance.codec import DECODES_ATTRIBUTE, VideoCodec, chosen
from appliance.config import Config, FaceConfig
from appliance.context import Context, Engines
from appliance.engine import SessionId
from appliance.errors import MediaError
from appliance.evaluation.engines.plain_face import PlainFace
from appliance.evaluation.engines.published import core_share, speak, stage
from appliance.evaluation.questions import long_answers
from appliance.evaluation.speech import Speech, say
from appliance.face import packs
from appliance.face.drive import FromSound
from appliance.face.mel import presence
from appliance.face.plugin import listener
from appliance.face.renderer import FaceRenderer, RenderRequest
from appliance.face.visemes import PARAMETERS, departure
from appliance.personas.persona import load
from appliance.providers import ProviderFactory
from appliance.stage.publisher import PublishOptions

Floats = NDArray[np.float32]
Progress = Callable[[str], None]

_CHARACTERS = 20
"""More than any voice says in a second."""
_STRETCH = 24
"""Rows of one request: what the face asks of its engine at once, in whole batches of any size."""


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
    heard_ms_per_frame: list[float] = field(default_factory=list[float])
    """Mean of each stretch as a voice that tells no phonemes has it drawn, listening included."""
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
            "heard_ms_per_frame": _median(self.heard_ms_per_frame),
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
    speech = await _spoken(config, context, plan.speech_s)
    samples = Samples()
    await asyncio.to_thread(_draw, _Drawing(config.face, files, plan.rounds, progress), speech, samples)
    await _publish(_Publishing(config.face, context, plan, progress), speech, samples)
    return samples


def _median(values: Sequence[float], digits: int = 2) -> float:
    return round(float(np.median(values)), digits)


async def _spoken(config: Config, context: Context, seconds: float) -> Speech:
    """Answers of the persona in one reply, at least so long."""
    context = dataclasses.replace(context, engines=Engines())
    voice = ProviderFactory(context).create_tts(config.voice)
    try:
        await context.engines.ready()
        text = ""
        for entry in itertools.cycle(long_answers(context.persona)):
            text = f"{text} {entry.answer}".strip()
            if len(text) >= seconds * _CHARACTERS:
                return await say(voice, text)
        raise MediaError("the persona says nothing", code="not-found", hint="give it an approved answer")
    finally:
        await voice.aclose()
        await context.engines.close()


# ---- one frame


@dataclass(frozen=True, slots=True)
class _Drawing:
    config: FaceConfig
    files: Mapping[str, Path]
    rounds: int
    progress: Progress


@dataclass(frozen=True, slots=True)
class _Rows:
    """The same pictures of speech, each way; only those in which the mouth is not at rest."""

    places: NDArray[np.int64]
    """(n,) which pictures of the speech they are."""
    box: Floats
    """Mouths, (n, 8), where the voice tells its phonemes and the net takes them; else as `heard`."""
    heard: Floats
    """What the box draws them from where it has to listen."""
    windows: Floats
    """(n, 80, 16) mel, for the baseline."""

    def stretch(self, number: int) -> _Rows:
        """Some in a row, from the front again after the last."""
        some = np.arange(number * _STRETCH, (number + 1) * _STRETCH) % len(self.places)
        return _Rows(self.places[some], self.box[some], self.heard[some], self.windows[some])


def _draw(of: _Drawing, speech: Speech, samples: Samples) -> None:
    cv2.setNumThreads(of.config.threads)
    hears = listener(of.files, threads=of.config.threads)
    renderer = FaceRenderer(of.files["face"], of.files["avatar"], of.config, listener=hears)
    renderer.load()
    renderer.warm_up()
    while renderer.prepare():  # as a box does while nobody is there
        pass
    rows = _rows(renderer, speech, of.config.fps)
    stock = PlainFace(of.files["face"], renderer.avatar, threads=of.config.threads)
    sizes = [size for size in (1, 2, 4, 8) if size <= of.config.batch_max]
    for number in range(of.rounds + 1):
        of.progress(f"drawing, {number} of {of.rounds}")
        some = rows.stretch(number)
        ours, stock_ms = _ours(renderer, some.places, some.box, _STRETCH), _stock(stock, some)
        heard = _ours(renderer, some.places, some.heard, _STRETCH)
        batches = {str(size): _ours(renderer, some.places, some.box, size) for size in sizes}
        if number:  # the first one warms all up
            samples.ms_per_frame.append(ours)
            samples.stock_ms_per_frame.append(stock_ms)
            samples.heard_ms_per_frame.append(heard)
            for name, value in batches.items():
                samples.batch_ms_per_frame.setdefault(name, []).append(value)
    renderer.close()


def _ours(renderer: FaceRenderer, places: NDArray[np.int64], drive: Floats, size: int) -> float:
    """Milliseconds a frame, `size` rows asked for at a time, as the bridge asks."""
    started_s = monotonic()
    for at in range(0, len(drive), size):
        list(renderer.pictures(RenderRequest(tuple(places[at : at + size].tolist()), drive[at : at + size])))
    return (monotonic() - started_s) * 1000 / len(drive)


def _stock(stock: PlainFace, some: _Rows) -> float:
    started_s = monotonic()
    for place, window in zip(some.places.tolist(), some.windows, strict=True):
        stock.draw(place, window)
    return (monotonic() - started_s) * 1000 / len(some.windows)


def _rows(renderer: FaceRenderer, speech: Speech, fps: int) -> _Rows:
    drives = (
        renderer.drive(speech.rate_hz, known=bool(speech.phonemes)),
        renderer.drive(speech.rate_hz, known=False),
        FromSound(speech.rate_hz, fps=fps, offset_s=renderer.window_offset_s),
    )
    # Only the first reads the phonemes, where it does.
    box, heard, windows = (
        np.concatenate([drive.push(speech.pcm, speech.phonemes), drive.settle()]) for drive in drives
    )
    count = min(len(box), len(heard), len(windows))
    box, heard, windows = box[:count], heard[:count], windows[:count]
    moving = departure(box) if box.shape[1:] == (len(PARAMETERS),) else presence(windows)
    places = np.flatnonzero(moving > 0)
    return _Rows(places, box[places], heard[places], windows[places])


# ---- published


@dataclass(frozen=True, slots=True)
class _Publishing:
    config: FaceConfig
    context: Context
    plan: Plan
    progress: Progress


async def _publish(of: _Publishing, speech: Speech, samples: Samples) -> None:
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
                samples.frames_spoken += round(plan.speech_s * of.config.fps)
    finally:
        await of.context.engines.close()


def _utterance(speech: Speech, seconds: float) -> list[rtc.AudioFrame]:
    """What the voice handed over first, so long as said."""
    ends_s = np.cumsum([frame.duration for frame in speech.frames])
    return speech.frames[: int(np.searchsorted(ends_s, seconds)) + 1]
