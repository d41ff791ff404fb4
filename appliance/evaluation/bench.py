"""`appliance bench conversation`: starts the box and, if asked, the baseline; visits them in turns; adds figures up.

Both run at the same time and are visited alternately, so that a slow minute of the machine meets both; each is alone
with its visitors while it is measured. The visitors live in this process, the systems in their own. `appliance check`
is the shortest such measurement, of the box alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import signal
import tempfile
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from appliance.bundles.verify import files
from appliance.clock import monotonic
from appliance.config import Config
from appliance.errors import AgentError, RoomError
from appliance.evaluation import mouth, words
from appliance.evaluation.box import Box
from appliance.evaluation.conversation import Plan, Visit, converse, hurry
from appliance.evaluation.measures import (
    Stretch,
    answer,
    barge_in_ms,
    frames_per_second,
    heard_in_pause,
    mouth_to_ear_ms,
    spoke_over,
    stretches,
)
from appliance.evaluation.microphone import Recording
from appliance.evaluation.pauses import fluent, paused
from appliance.evaluation.questions import mixed, of_folder, of_persona, rotated, short
from appliance.evaluation.report import PAUSES_S, Samples
from appliance.evaluation.timeline import Spoken
from appliance.evaluation.visitor import Visitor
from appliance.personas.persona import load

if TYPE_CHECKING:  # it brings all engines' libraries, which a quick check can do without
    from appliance.evaluation.reference import Reference

logger = logging.getLogger(__name__)

_EMPTY_S = 30.0
_STOPPED = "the measurement was stopped"
_QUESTIONS = 12

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Options:
    """What is measured."""

    turns: int
    """Questions of each visitor to each system."""
    sessions: int
    """Visitors at the same time."""
    interruptions: int
    """Further questions of each visitor whose answers are interrupted."""
    questions: Path | None
    """A folder of recordings; None lets Piper speak questions of the persona."""
    spoken: bool
    """Whether Piper's questions are asked beside the recordings."""
    pauses: int
    """Further questions of each visitor with a pause inside, for each length of pause."""
    baseline: bool
    """Whether the stock baseline is measured as well."""
    config_file: Path | None
    """The box's configuration file."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Every single measurement."""

    box: Samples
    """The appliance."""
    baseline: Samples | None
    """The stock baseline, if asked for."""
    log: str
    """The end of the box's log; it holds no speech."""


async def stoppable(measurement: Coroutine[Any, Any, T]) -> T:
    """Run a measurement; SIGTERM ends it, and the systems it started.

    Raises:
        AgentError: code stopped.
    """
    task = asyncio.current_task()
    assert task is not None
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, task.cancel, _STOPPED)
    try:
        return await measurement
    except asyncio.CancelledError as error:
        if _STOPPED not in error.args:
            raise
        raise AgentError(_STOPPED, code="stopped") from error
    finally:
        loop.remove_signal_handler(signal.SIGTERM)


async def check(config: Config, config_file: Path | None, progress: Callable[[str], None]) -> Samples:
    """Start the box, hold the shortest conversation that shows everything, and stop it.

    Raises:
        AgentError: the box did not start.
    """
    samples = Samples(turns=1)
    question = await asyncio.to_thread(short, load(config.session.persona), files(config.models.manifest)["voice"])
    progress("starting")
    async with appliance(config_file) as box:
        visit = None
        try:
            async with Visitor(box.url) as visitor:
                visit = await hurry(visitor, question, progress)
                left_s = monotonic()
            await _emptied(box, left_s, samples)
        except RoomError as error:
            samples.errors.append(f"{type(error).__name__}: {error}")
        progress("stopping")
    if visit is not None:
        await evaluate(visit, samples, None)
    return samples


async def measure(config: Config, options: Options, progress: Callable[[str], None]) -> Outcome:
    """Run the whole measurement.

    Raises:
        AgentError: nothing could be measured: a system did not start, or there is nothing to ask.
    """
    from appliance.evaluation.reference import Reference

    progress("preparing questions")
    paths = files(config.models.manifest)
    persona = load(config.session.persona)
    recordings = of_folder(options.questions) if options.questions is not None else []
    if options.spoken or not recordings:
        recordings = mixed(recordings, await asyncio.to_thread(of_persona, persona, paths["voice"], _QUESTIONS))
    async with contextlib.AsyncExitStack() as stack:
        systems = [appliance(options.config_file, options.sessions)]
        if options.baseline:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            systems.append(stock(config, paths, persona.instructions, folder))
        for system in systems:
            progress(f"starting {system.name}")
            await stack.enter_async_context(system)
        visits: dict[str, list[Visit]] = {system.name: [] for system in systems}
        samples = {system.name: Samples() for system in systems}
        for plan in rounds(options, recordings):
            for system in systems:
                # What a pause costs is asked of the box alone: its figure is a share and no ratio.
                own = plan if system is systems[0] else replace(plan, paused=())
                visits[system.name] += await _round(system, own, options.sessions, samples[system.name], progress)
        log = systems[0].log
    progress("comparing lips and voice")
    async with Reference(config) as reference:
        for name, found in visits.items():
            for visit in found:
                await evaluate(visit, samples[name], reference if name == systems[0].name else None)
                samples[name].known_question_ms += known_ms(visit, [entry.answer for entry in persona.entries])
    return Outcome(samples[systems[0].name], samples[systems[-1].name] if options.baseline else None, log)


async def evaluate(visit: Visit, samples: Samples, reference: Reference | None) -> None:
    """Add one visit's measurements to `samples`; without a reference no offset is measured."""
    timeline = visit.timeline
    sounds = stretches(timeline.heard)
    face = mouth.find_mouth(timeline.seen, sounds)
    samples.errors += visit.errors
    for question in visit.turns:
        latency = mouth_to_ear_ms(sounds, question)
        if latency is None:
            what = "spoke over the question" if spoke_over(sounds, question) else "no answer was heard"
            samples.errors.append(f"{question.name}: {what}")
            continue
        samples.mouth_to_ear_ms.append(latency)
        if face is None:
            continue
        moved_s = mouth.first_moved_s(face, timeline.seen, question.last_s)
        if moved_s is not None:
            samples.first_lip_ms.append((moved_s - question.last_s) * 1000)
        if reference is not None:
            whole = _whole_answer(sounds, question, timeline.spoken)
            rendered = await reference.render(timeline.heard, whole)
            found = mouth.offset(face, timeline.seen, rendered)
            if found is not None:
                samples.av_offset_ms.append(found.ms)
                samples.av_correlation.append(found.correlation)
                samples.lips_frozen.append(mouth.frozen(face, timeline.seen, rendered, found))
    for question in visit.paused:
        assert question.pause_s is not None
        length_s = f"{question.pause_s[1] - question.pause_s[0]:.1f}"
        samples.heard_in_pause.setdefault(length_s, []).append(heard_in_pause(sounds, question))
    samples.barge_in_ms += [ms for said in visit.interruptions if (ms := barge_in_ms(sounds, said)) is not None]
    samples.microphone_late_ms += [spoken.late_s * 1000 for spoken in timeline.spoken]
    if timeline.heard:
        samples.frames_per_second += frames_per_second(timeline.seen, until_s=timeline.heard[-1].at_s)


def known_ms(visit: Visit, answers: Sequence[str]) -> list[float]:
    """Mouth to ear of the questions that were answered with one of these."""
    sounds = stretches(visit.timeline.heard)
    captions = [caption for caption in visit.timeline.words if not caption.by_visitor]
    found: list[float] = []
    for question in visit.turns:
        caption = next((caption for caption in captions if caption.at_s > question.last_s), None)
        latency = mouth_to_ear_ms(sounds, question)
        if latency is not None and caption is not None and words.begun(caption.text, answers):
            found.append(latency)
    return found


def _whole_answer(sounds: Sequence[Stretch], question: Spoken, spoken: Sequence[Spoken]) -> Stretch:
    """From the first sound of an answer to the last before we spoke again."""
    first = answer(sounds, question)
    assert first is not None
    next_s = min((said.first_s for said in spoken if said.first_s > question.last_s), default=float("inf"))
    last = max((sound for sound in sounds if first.start_s <= sound.start_s < next_s), key=lambda sound: sound.end_s)
    return Stretch(first.start_s, last.end_s)


def rounds(options: Options, recordings: Sequence[Recording]) -> list[Plan]:
    """All turns, in two rounds of visits, so that both systems are visited early and late."""
    n_rounds = 2 if options.turns >= 4 else 1
    without = [recording for recording in recordings if fluent(recording)] or recordings
    asked_with = [without[number % len(without)] for number in range(options.pauses)]
    stumbling = [paused(recording, pause_s) for recording in asked_with for pause_s in PAUSES_S]
    plans: list[Plan] = []
    for number in range(n_rounds):
        turns = options.turns // n_rounds + (number < options.turns % n_rounds)
        cuts = options.interruptions // n_rounds + (number < options.interruptions % n_rounds)
        asked = sum(plan.turns for plan in plans)
        hesitant = stumbling[number * len(stumbling) // n_rounds : (number + 1) * len(stumbling) // n_rounds]
        plans.append(Plan(rotated(recordings, asked), turns, cuts, hesitant))
    return plans


async def _round(box: Box, plan: Plan, sessions: int, samples: Samples, progress: Callable[[str], None]) -> list[Visit]:
    """One visit of each visitor, at the same time; and the time until the box has forgotten them."""
    samples.turns += plan.turns * sessions
    left: list[float] = []

    async def visit(number: int) -> Visit | None:
        own = replace(plan, questions=rotated(plan.questions, number * 2))
        say = progress if number == 0 else _silent
        try:
            async with Visitor(box.url) as visitor:
                done = await converse(visitor, own, lambda text: say(f"{box.name}: {text}"))
                left.append(monotonic())
            return done
        except Exception as error:  # one visitor's failure is a figure, not the end of the measurement
            logger.exception("visit failed")
            samples.errors.append(f"{type(error).__name__}: {error}")
            return None

    visits = await asyncio.gather(*(visit(number) for number in range(sessions)))
    if left:
        await _emptied(box, max(left), samples)
    return [done for done in visits if done is not None]


async def _emptied(box: Box, left_s: float, samples: Samples) -> None:
    """Wait until the box has forgotten its visitors, and note how long that took after the time `left_s`."""
    if await box.empty(_EMPTY_S) is None:
        samples.errors.append(f"sessions were still counted {_EMPTY_S:.0f} s after the last visitor had left")
    else:
        samples.cleanup_s.append(monotonic() - left_s)


def _silent(_: str) -> None:
    pass


def appliance(config_file: Path | None, visitors: int = 1) -> Box:
    """The box itself, on free ports."""
    config = ["--config", str(config_file)] if config_file else []
    variables = {"APPLIANCE_SFU__PORT": "0", "APPLIANCE_SFU__UDP_PORT": "0", "APPLIANCE_SFU__TCP_PORT": "0"}
    if visitors > 1:
        variables["APPLIANCE_SESSION__VISITORS_MAX"] = str(visitors)
    return Box("box", ["-m", "appliance", "serve", "--port", "0", "--no-browser", *config], variables)


def stock(config: Config, paths: Mapping[str, Path], instructions: str, folder: Path) -> Box:
    """The stock baseline with the same model files; its settings are written into `folder`."""
    settings = {
        "ears": str(paths["ears"]),
        "mind": str(paths["mind"]),
        "voice": str(paths["voice"]),
        "reply_tokens": str(config.mind.reply_tokens),
        "instructions": instructions,
        "livekit_server": config.sfu.binary,
    }
    file = folder / "stock.json"
    file.write_text(json.dumps(settings), encoding="utf-8")
    return Box("stock", ["-m", "appliance.evaluation.stock", str(file)], {})
