"""`appliance bench interruption`: a visitor who speaks over answers, and coughs or has a loudspeaker during others.

Words must be given way to at once, the rest must not cost a word of the answer. Questions are written, so that what is
measured does not hang on how they were understood; interruptions are spoken.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from appliance.bundles.verify import files
from appliance.clock import monotonic
from appliance.config import Config
from appliance.evaluation import disturbances, mouth, words
from appliance.evaluation.bench import appliance, stock
from appliance.evaluation.box import Box
from appliance.evaluation.conversation import ANSWER_S
from appliance.evaluation.measures import Stretch, barge_in_ms, silence_ms, stretches
from appliance.evaluation.microphone import Recording
from appliance.evaluation.questions import backchannels, of_persona
from appliance.evaluation.report import quantiles
from appliance.evaluation.timeline import Spoken, Timeline
from appliance.evaluation.visitor import Visitor
from appliance.personas.persona import load

POINTS_S = (0.7, 1.3, 2.0, 2.8)
"""How far into an answer it is interrupted, in turn."""
_INTO_ANSWER_S = 1.2
"""How far into an answer something disturbs it."""
_RESUMED_S = 2.6
"""Silence after which a disturbed answer is over: LiveKit waits 2 s before it goes on after a false interruption."""
_CALM_S = 1.2
_GREETED_S = 30.0
_TALKS_S = 10.0
"""Longer than any answer that is disturbed, with a pause: an avatar that still speaks then talks with itself."""
_CHARACTERS = 95
"""Answers of about so many characters take five or six seconds: long enough to be disturbed, no longer to wait for."""
_OPENS_S = 0.15
"""Lips open up to so long before the sound of the next answer."""
_CLOSES_S = 3.0
_WHOLE = 0.75
"""Share of an answer's words that must be heard; Whisper mishears some."""
_MORE = 1.35
"""An answer of so many times its words was begun again, or another one followed."""
_ECHO_DB = (-20, -10)
_QUESTIONS = 12


@dataclass(frozen=True, slots=True)
class Options:
    """What is measured."""

    interruptions: int
    """Answers that are interrupted with words."""
    repeats: int
    """How often each disturbance is tried."""
    sounds: Path | None
    """A folder of noises and rooms' responses; None takes made ones."""
    few: bool
    """Whether one noise and one echo stand for all."""
    baseline: bool
    """Whether the stock baseline is interrupted as well."""
    config_file: Path | None
    """The box's configuration file."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One answer that something disturbed."""

    kind: str
    """What did."""
    expected: str
    """The whole answer."""
    asked_s: float
    """When its question was sent, seconds."""
    over_s: float
    """When it was over, seconds."""


@dataclass(slots=True)
class Scene:
    """What happened in one visit."""

    timeline: Timeline
    """Everything that was sent, heard and seen."""
    interruptions: list[Spoken] = field(default_factory=list[Spoken])
    """What was said into answers."""
    trials: list[Trial] = field(default_factory=list[Trial])
    """What should not have stopped any."""
    errors: list[str] = field(default_factory=list[str])
    """What went wrong, in words for people."""


@dataclass(slots=True)
class Samples:
    """Every single measurement of one system."""

    silence_ms: list[float] = field(default_factory=list[float])
    """One an interruption of a speaking avatar."""
    closed_mouth_ms: list[float] = field(default_factory=list[float])
    """The same, where there is a mouth and it closed."""
    trials: list[tuple[str, bool]] = field(default_factory=list[tuple[str, bool]])
    """What disturbed an answer, and whether that was heard whole in spite of it."""
    errors: list[str] = field(default_factory=list[str])
    """No answer, a mouth that stayed open, a lost room."""

    def summary(self) -> dict[str, Any]:
        """The figures as `--json` prints them."""
        kinds = sorted({kind for kind, _ in self.trials})
        return {
            "silence_ms": quantiles(self.silence_ms, p50=50, p95=95),
            "closed_mouth_ms": quantiles(self.closed_mouth_ms, p50=50, p95=95),
            "false_interruptions": sum(not whole for _, whole in self.trials) if self.trials else None,
            "interruptions": len(self.silence_ms),
            "disturbances": len(self.trials),
            "stopped_by": {kind: sum(k == kind and not whole for k, whole in self.trials) for kind in kinds},
            "errors": len(self.errors),
        }


def report(box: Samples, baseline: Samples | None) -> dict[str, Any]:
    """What `appliance bench interruption --json` prints."""
    ours = box.summary()
    theirs = {key: baseline.summary()[key] for key in ("silence_ms", "errors")} if baseline is not None else None
    ratio = None
    if theirs is not None and ours["silence_ms"]["p50"] and theirs["silence_ms"]["p50"]:
        ratio = round(ours["silence_ms"]["p50"] / theirs["silence_ms"]["p50"], 3)
    return {**ours, "baseline": theirs, "ratio": {"silence_p50": ratio}}


async def measure(config: Config, options: Options, progress: Callable[[str], None]) -> dict[str, Samples]:
    """Interrupt the box, and the baseline if asked for; its name -> its measurements.

    Raises:
        AgentError: nothing could be measured: a system did not start, or a sound could not be read.
    """
    progress("preparing questions")
    paths = files(config.models.manifest)
    persona = load(config.session.persona)
    answers = {text: entry.answer for entry in persona.entries if not entry.repeat for text in entry.questions}
    questions = await asyncio.to_thread(of_persona, persona, paths["voice"], _QUESTIONS)
    sounds = disturbances.of_folder(options.sounds) if options.sounds else disturbances.made()
    noises = [*sounds.noises, *await asyncio.to_thread(backchannels, paths["voice"])]
    scenes: dict[str, Scene] = {}
    async with contextlib.AsyncExitStack() as stack:
        systems = [appliance(options.config_file)]
        if options.baseline:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            systems.append(stock(config, paths, persona.instructions, folder))
        for system in systems:
            progress(f"starting {system.name}")
            await stack.enter_async_context(system)
        for system in systems:
            say = _prefixed(progress, system.name)
            visit = _Visit(questions, answers, say, hurries=options.few)
            disturbed = plan(noises, sounds.rooms, options) if system is systems[0] else []
            scenes[system.name] = await visit.run(system, options.interruptions, disturbed)
    progress("listening to the answers")
    return {name: await asyncio.to_thread(_evaluated, scene, paths["ears"]) for name, scene in scenes.items()}


def _prefixed(progress: Callable[[str], None], name: str) -> Callable[[str], None]:
    return lambda text: progress(f"{name}: {text}")


@dataclass(frozen=True, slots=True)
class Disturbance:
    """One thing that happens while the avatar speaks: a noise, or a loudspeaker's echo all the time."""

    kind: str
    """For reports."""
    noise: Recording | None
    """Played once."""
    echo: tuple[disturbances.Response, float] | None
    """The room, and the echo's gain in dB."""


def medium(answers: Mapping[str, str]) -> list[str]:
    """One question for each of a dozen answers that take a few seconds."""
    question_of: dict[str, str] = {}
    for question, answer in answers.items():
        question_of.setdefault(answer, question)
    chosen = sorted(question_of, key=lambda answer: abs(len(answer) - _CHARACTERS))[:_QUESTIONS]
    return [question_of[answer] for answer in chosen]


def plan(noises: Sequence[Recording], rooms: Sequence[disturbances.Response], options: Options) -> list[Disturbance]:
    """All disturbances in the order they are tried."""
    sudden = [Disturbance(noise.name, noise, None) for noise in noises]
    echoes = [Disturbance(f"echo {gain_db} dB", None, (room, gain_db)) for room in rooms for gain_db in _ECHO_DB]
    if options.few:
        sudden, echoes = sudden[:1], echoes[1:2] or echoes[:1]
    return [*sudden, *echoes] * options.repeats


class _Visit:
    """One visitor of one system."""

    def __init__(
        self,
        questions: Sequence[Recording],
        answers: Mapping[str, str],
        progress: Callable[[str], None],
        *,
        hurries: bool,
    ) -> None:
        self._questions: Iterator[Recording] = itertools.cycle(questions)
        self._answers = answers
        self._texts: Iterator[str] = itertools.cycle(medium(answers))
        self._progress = progress
        self._hurries = hurries

    async def run(self, box: Box, interruptions: int, disturbed: Sequence[Disturbance]) -> Scene:
        async with Visitor(box.url) as visitor:
            scene = Scene(visitor.timeline)
            # The avatar greets; the baseline does not.
            greeted = await visitor.hears(0.0, _GREETED_S if disturbed else ANSWER_S / 3)
            if greeted and self._hurries:
                await visitor.hears(visitor.audible_s + _INTO_ANSWER_S, _GREETED_S)
            else:
                await visitor.silence(_CALM_S, _GREETED_S)
            # Words come first: for a while after an echo, what is heard is looked at for another.
            await self._interrupt(visitor, interruptions, scene)
            await visitor.silence(_CALM_S, _GREETED_S)
            for number, disturbance in enumerate(disturbed, 1):
                if visitor.lost:
                    break
                self._progress(f"disturbance {number} of {len(disturbed)}: {disturbance.kind}")
                await self._disturb(visitor, disturbance, scene)
            if visitor.lost:
                scene.errors.append(visitor.lost)
        return scene

    async def _interrupt(self, visitor: Visitor, count: int, scene: Scene) -> None:
        """Speak into an answer, then into the answer to that, and so on."""
        speaks_s = 0.0
        attempts = iter(range(3 * count))
        while len(scene.interruptions) < count and next(attempts, None) is not None and not visitor.lost:
            self._progress(f"interruption {len(scene.interruptions) + 1} of {count}")
            point_s = POINTS_S[len(scene.interruptions) % len(POINTS_S)]
            speaks_s = speaks_s or await self._ask(visitor, scene)
            if not speaks_s or not await visitor.hears(speaks_s + point_s, point_s + 1.0):
                speaks_s = 0.0  # an answer that was over before is no failure: another one is interrupted
                continue
            said = await visitor.say(next(self._questions))
            recent = [frame for frame in visitor.timeline.heard if frame.at_s > said.first_s - POINTS_S[0]]
            if barge_in_ms(stretches(recent), said) is not None:
                scene.interruptions.append(said)
            speaks_s = visitor.audible_s if await visitor.hears(said.last_s, ANSWER_S) else 0.0
            if not speaks_s:
                scene.errors.append(f"{said.name}: no answer in {ANSWER_S:.0f} s")

    async def _ask(self, visitor: Visitor, scene: Scene) -> float:
        """When an answer began; 0 when none did."""
        name = next(self._questions).name
        sent_s = await visitor.write(name)
        if await visitor.hears(sent_s, ANSWER_S):
            return visitor.audible_s
        scene.errors.append(f"{name}: no answer in {ANSWER_S:.0f} s")
        return 0.0

    async def _disturb(self, visitor: Visitor, disturbance: Disturbance, scene: Scene) -> None:
        name = next(self._texts)
        if disturbance.echo is not None:
            visitor.enter(disturbances.RoomEcho(*disturbance.echo))
        try:
            asked_s = await visitor.write(name)
            if not await visitor.hears(asked_s, ANSWER_S):
                scene.errors.append(f"{name}: no answer in {ANSWER_S:.0f} s")
                return
            if disturbance.noise is not None:
                await visitor.hears(visitor.audible_s + _INTO_ANSWER_S, 2 * _INTO_ANSWER_S)
                await visitor.say(disturbance.noise)
            await visitor.silence(_CALM_S, _TALKS_S)
            caption = words.captions(visitor.timeline.words, asked_s)
            if words.share(self._answers[name], caption) < 1:  # it may only have paused
                await visitor.silence(_RESUMED_S, _TALKS_S)
            scene.trials.append(Trial(disturbance.kind, self._answers[name], asked_s, monotonic()))
        finally:
            visitor.enter(None)
        await visitor.silence(_CALM_S, _TALKS_S)


def _evaluated(scene: Scene, ears: Path) -> Samples:
    """One visit's figures; blocking."""
    samples = Samples(errors=scene.errors)
    reactions(scene, samples)
    if scene.trials:
        listener = words.Listener(ears)
        for trial in scene.trials:
            span = Stretch(trial.asked_s, trial.over_s)
            heard = listener.words(words.cut(scene.timeline.heard, span))
            samples.trials.append((trial.kind, survived(trial.expected, heard)))
    return samples


def reactions(scene: Scene, samples: Samples) -> None:
    """Add how quickly the avatar fell silent and closed its mouth."""
    timeline = scene.timeline
    sounds = stretches(timeline.heard)
    face = mouth.find_mouth(timeline.seen, sounds)
    for said in scene.interruptions:
        silence = silence_ms(sounds, said)
        if silence is None:
            continue
        samples.silence_ms.append(silence)
        if face is None:
            continue
        silent_s = said.first_s + silence / 1000
        next_s = min((sound.start_s for sound in sounds if sound.start_s > silent_s), default=np.inf)
        until_s = min(next_s - _OPENS_S, silent_s + _CLOSES_S)
        closed_s = mouth.closed_s(face, timeline.seen, sounds, said.first_s, until_s)
        if closed_s is None:
            samples.errors.append(f"{said.name}: the mouth stayed open")
        else:
            samples.closed_mouth_ms.append((closed_s - said.first_s) * 1000)


def survived(expected: str, heard: str) -> bool:
    """Whether the whole answer was heard, once, and nothing else."""
    enough = words.share(expected, heard) >= _WHOLE
    return enough and len(words.plain(heard)) <= _MORE * len(words.plain(expected)) + 2
