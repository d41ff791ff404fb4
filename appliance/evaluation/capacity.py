"""`appliance bench capacity`: visitors come until the box has enough of them; does each still get its due?

First all are spoken to at the same moment, then each converses at its own time, then one more asks to come in. All
visitors live in this process; who is not needed to count pictures declines them, so that measuring leaves the machine
to the box.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx2
import numpy as np

from appliance.bundles.verify import files
from appliance.clock import monotonic
from appliance.config import Config
from appliance.errors import RoomError
from appliance.evaluation import isolation, words
from appliance.evaluation.bench import appliance
from appliance.evaluation.conversation import ANSWER_S
from appliance.evaluation.measures import Stretch, full_seconds, mouth_to_ear_ms, spoke_over, stretches
from appliance.evaluation.microphone import Recording
from appliance.evaluation.questions import of_persona
from appliance.evaluation.report import quantiles
from appliance.evaluation.timeline import Pcm16, Spoken, Timeline
from appliance.evaluation.visitor import Senses, Visitor
from appliance.personas.persona import load

FULL_RATE = 23
"""Pictures a second; 25 less what a second's edge may cut off."""
TURN_MS = 3000
_WATCHES = Senses(frame_ms=100, pictures="counted", microphone_kbps=96)
_LISTENS = Senses(frame_ms=100, pictures="declined", microphone_kbps=96)
"""Who comes to converse only: ten clients that decode video on the box's own two cores would be the load measured."""
_QUIET_S = 0.8
_GREETED_S = 40.0
_ENDLESS_S = 60.0
_CYCLE_S = 5.0
"""Visitors begin to converse spread over so long."""
_THINKS_S = 1.0
_STOPS_S = 0.25
"""What is heard so long after a written question is its answer: it ends a greeting at once."""
_TOGETHER_S = 2.0
"""Of speech to all at the same time, at least."""
_REFUSALS = 10


@dataclass(frozen=True, slots=True)
class Options:
    """What is measured."""

    visitors_max: int
    """Visitors at most."""
    first: int
    """How many come at first."""
    turns: int
    """Times that all are spoken to at once, and questions of each at its own time, at each number of visitors."""
    step: int
    """How many more come at once to converse."""
    config_file: Path | None
    """The box's configuration file."""


@dataclass(slots=True)
class Level:
    """What happened with so many visitors."""

    kind: str
    """together or connected."""
    visitors: int
    """How many."""
    fps: list[int] = field(default_factory=list[int])
    """Pictures in each second in which all were spoken to, of each visitor."""
    turn_ms: list[float] = field(default_factory=list[float])
    """One a turn: mouth to ear, or from a written question to the first sound."""
    errors: list[str] = field(default_factory=list[str])
    """A visitor who was refused or lost, a question without an answer."""
    client_cores: float = 0.0
    """Processor time of the measuring process itself, in cores."""

    @property
    def passed(self) -> bool:
        """Whether each visitor got its due."""
        if self.errors:
            return False
        if self.kind == "together":
            return bool(self.fps) and float(np.percentile(self.fps, 5)) >= FULL_RATE
        return bool(self.turn_ms) and float(np.percentile(self.turn_ms, 95)) <= TURN_MS

    def summary(self) -> dict[str, Any]:
        """One line of the ramp."""
        return {
            "visitors": self.visitors,
            "passed": self.passed,
            "fps_p5": quantiles(self.fps, p5=5)["p5"],
            "turn_ms_p95": quantiles(self.turn_ms, p95=95)["p95"],
            "errors": len(self.errors),
            "client_cores": round(self.client_cores, 2),
        }


@dataclass(slots=True)
class Samples:
    """Every single measurement."""

    levels: list[Level] = field(default_factory=list[Level])
    """The ramp, in order."""
    refusal_ms: list[float] = field(default_factory=list[float])
    """How long each refusal took."""
    retry_after_s: int | None = None
    """When the one too many was told to ask again."""
    places: list[int] = field(default_factory=list[int])
    """Places in the queue that were told."""
    leaks: list[str] = field(default_factory=list[str])
    """What one visitor got of another."""
    errors: list[str] = field(default_factory=list[str])
    """What went wrong outside the ramp."""

    def most(self, kind: str) -> Level | None:
        """The highest level that passed, all below it having passed."""
        best = None
        for level in (level for level in self.levels if level.kind == kind):
            if not level.passed:
                break
            best = level
        return best

    def summary(self) -> dict[str, Any]:
        """The figures as `--json` prints them."""
        speaking, connected = self.most("together"), self.most("connected")
        held = connected or next((level for level in self.levels if level.kind == "connected"), None)
        below = [level for level in self.levels if level.visitors <= (connected.visitors if connected else 1)]
        together = {(level.kind, level.visitors): level.summary() for level in self.levels}
        return {
            "speaking": speaking.visitors if speaking else 0,
            "connected": connected.visitors if connected else 0,
            "turn_ms": quantiles(held.turn_ms if held else [], p50=50, p95=95),
            "errors": len(self.errors) + sum(len(level.errors) for level in below if level.kind == "connected"),
            "refusal_ms": quantiles(self.refusal_ms, p95=95)["p95"],
            "refusal": {"retry_after_s": self.retry_after_s, "place": self.places[0] if self.places else None},
            "isolation_leaks": len(self.leaks),
            "ramp": {f"{kind} {number}": line for (kind, number), line in together.items()},
        }


@dataclass(slots=True)
class Guest:
    """One visitor, what it asks, and what is known of it."""

    visitor: Visitor
    """In the room."""
    recordings: Sequence[Recording]
    """Its own questions."""
    known: isolation.Known
    """For the comparison with others."""
    asked: int = 0
    """Questions so far."""

    def next(self) -> Recording:
        """The question to ask now."""
        self.asked += 1
        return self.recordings[(self.asked - 1) % len(self.recordings)]


class Crowd:
    """All visitors of a box."""

    def __init__(self, url: str, recordings: Sequence[Recording], answers: Mapping[str, str], most: int) -> None:
        self.guests: list[Guest] = []
        self._url = url
        self._own = [recordings[number::most] for number in range(most)]
        self._answers = answers
        self._stack = contextlib.AsyncExitStack()

    async def __aenter__(self) -> Crowd:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def grow(self, count: int, level: Level, senses: Senses) -> None:
        """Let visitors in until there are so many, and wait until each is greeted."""
        try:
            for number in range(len(self.guests), count):
                visitor = await self._stack.enter_async_context(Visitor(self._url, senses=senses))
                answers = {recording.name: self._answers[recording.name] for recording in self._own[number]}
                self.guests.append(Guest(visitor, self._own[number], isolation.Known(number, answers)))
        except RoomError as error:
            level.errors.append(f"visitor {len(self.guests)}: {error}")
            return
        heard = await asyncio.gather(*(guest.visitor.hears(0.0, _GREETED_S) for guest in self.guests))
        level.errors += [f"visitor {n}: no greeting" for n, found in enumerate(heard) if not found]

    async def together(self, level: Level) -> list[Stretch]:
        """Speak to all at once: they write at the same moment, and hear the whole answer."""

        async def ask(number: int, guest: Guest) -> Stretch | None:
            name = guest.next().name
            sent_s = await guest.visitor.write(name)
            if not await guest.visitor.hears(sent_s + _STOPS_S, ANSWER_S):
                level.errors.append(f"visitor {number}: no answer in {ANSWER_S:.0f} s {guest.visitor.lost}")
                return None
            first_s = guest.visitor.audible_s
            level.turn_ms.append((first_s - sent_s) * 1000)
            await guest.visitor.silence(_QUIET_S, _ENDLESS_S)
            return Stretch(first_s, guest.visitor.audible_s)

        spans = await asyncio.gather(*(ask(number, guest) for number, guest in enumerate(self.guests)))
        answers = [span for span in spans if span is not None]
        if len(answers) == len(self.guests):
            from_s, until_s = max(span.start_s for span in answers), min(span.end_s for span in answers)
            if until_s - from_s >= _TOGETHER_S:
                for guest in self.guests:
                    level.fps += full_seconds(guest.visitor.timeline.seen, from_s, until_s)
        return answers

    async def converse(self, level: Level, turns: int) -> None:
        """Each asks by voice at its own time, hears the answer, thinks, and asks again."""

        async def talk(number: int, guest: Guest) -> None:
            await guest.visitor.silence(_QUIET_S, _ENDLESS_S)
            await asyncio.sleep(_CYCLE_S * number / len(self.guests))
            for turn in range(turns):
                said = await guest.visitor.say(guest.next())
                await guest.visitor.hears(said.last_s, ANSWER_S)
                if turn < turns - 1:  # the last answer goes on while others still ask
                    await guest.visitor.silence(_QUIET_S, _ENDLESS_S)
                _answered(guest.visitor.timeline.take(), said, f"visitor {number}, {said.name}", level)
                if guest.visitor.lost:
                    level.errors.append(f"visitor {number}: {guest.visitor.lost}")
                    return
                if turn < turns - 1:
                    await asyncio.sleep(_THINKS_S)

        await asyncio.gather(*(talk(number, guest) for number, guest in enumerate(self.guests)))

    def forget_lost(self) -> None:
        """Go on without those whom the box has lost, which was noted."""
        self.guests = [guest for guest in self.guests if not guest.visitor.lost]

    def forget(self) -> None:
        """Drop recorded sound and pictures."""
        for guest in self.guests:
            guest.visitor.timeline.take()


def _answered(timeline: Timeline, said: Spoken, name: str, level: Level) -> None:
    sounds = stretches(timeline.heard)
    latency = mouth_to_ear_ms(sounds, said)
    if latency is not None:
        level.turn_ms.append(latency)
    else:
        what = "the avatar spoke over it" if spoke_over(sounds, said) else f"no answer in {ANSWER_S:.0f} s"
        level.errors.append(f"{name}: {what}")


async def measure(config: Config, options: Options, progress: Callable[[str], None]) -> Samples:
    """Run the ramp, refuse one, and look for leaks.

    Raises:
        AgentError: the box did not start, or there is nothing to ask.
    """
    progress("preparing questions")
    paths = files(config.models.manifest)
    persona = load(config.session.persona)
    recordings = await asyncio.to_thread(of_persona, persona, paths["voice"], 2 * options.visitors_max)
    answers = {question: entry.answer for entry in persona.entries for question in entry.questions}
    most = min(options.visitors_max, len(recordings))
    samples = Samples()
    progress("starting box")
    async with appliance(options.config_file, most) as box, Crowd(box.url, recordings, answers, most) as crowd:
        await _ramp(crowd, most, options, samples, progress)
        crowd.forget_lost()
        progress("looking for leaks")
        clips = await _finale(crowd, box.url, most, samples)
    listener = await asyncio.to_thread(words.Listener, paths["ears"])
    for guest, clip in zip(crowd.guests, clips, strict=True):
        guest.known.heard = [await asyncio.to_thread(listener.words, clip)]
    samples.leaks = isolation.leaks([guest.known for guest in crowd.guests])
    return samples


async def _ramp(crowd: Crowd, most: int, options: Options, samples: Samples, progress: Callable[[str], None]) -> None:
    """Let more and more visitors in, until they are too many or all are in."""
    for count in range(min(options.first, most), most + 1):
        progress(f"{count} are spoken to at once")
        level = Level("together", count)
        samples.levels.append(level)
        await _timed(level, _together(crowd, level, options.turns))
        if not level.passed:
            break
    begun = len(crowd.guests)
    for count in [*range(begun, most, options.step), most]:
        progress(f"{count} converse")
        level = Level("connected", count)
        samples.levels.append(level)
        await crowd.grow(count, level, _LISTENS)
        if not level.errors:
            await _timed(level, crowd.converse(level, options.turns))
        crowd.forget()
        if not level.passed:
            break


async def _together(crowd: Crowd, level: Level, turns: int) -> None:
    await crowd.grow(level.visitors, level, _WATCHES)
    for _ in range(turns):
        crowd.forget()
        if not level.errors:
            await crowd.together(level)
    crowd.forget()


async def _timed(level: Level, work: Coroutine[Any, Any, None]) -> None:
    """Note what the measuring itself took of the machine."""
    wall_s, busy_s = monotonic(), time.process_time()
    await work
    level.client_cores = (time.process_time() - busy_s) / max(monotonic() - wall_s, 1e-3)


async def _finale(crowd: Crowd, url: str, most: int, samples: Samples) -> list[Pcm16]:
    """All tell their word; then all are spoken to, play their tones, and one too many asks to come in.

    Returns:
        What each was told at the end.
    """
    told_s = monotonic()
    for text in ("Remember this, my secret word is {}.", "What is my secret word?"):
        sent_s = monotonic()
        await asyncio.gather(*(guest.visitor.write(text.format(guest.known.secret)) for guest in crowd.guests))
        await asyncio.gather(*(guest.visitor.hears(sent_s + _STOPS_S, ANSWER_S) for guest in crowd.guests))
    crowd.forget()
    level = Level("finale", len(crowd.guests))
    from_s = monotonic()
    async with asyncio.TaskGroup() as group:
        speaking = group.create_task(crowd.together(level))
        for guest in crowd.guests:
            group.create_task(_hum(guest, from_s))
        group.create_task(_refused(url, most - len(crowd.guests), samples))
    samples.errors += level.errors
    clips: list[Pcm16] = []
    for guest in crowd.guests:
        timeline, known = guest.visitor.timeline, guest.known
        known.captions, known.tracks = timeline.words, guest.visitor.tracks
        known.untold_s = (told_s, from_s + _THINKS_S)
        hum = next((said for said in reversed(timeline.spoken) if said.name.endswith("Hz")), None)
        if hum is not None:
            known.during_tones = words.cut(timeline.heard, Stretch(hum.first_s, hum.last_s + 0.5))
        clips.append(words.cut(timeline.heard, Stretch(from_s, monotonic())))
    assert speaking.done()
    return clips


async def _hum(guest: Guest, after_s: float) -> None:
    """Play the visitor's own tone while it is spoken to."""
    await guest.visitor.hears(after_s, ANSWER_S)
    await guest.visitor.say(isolation.tone(guest.known.tone_hz))


async def _refused(url: str, free: int, samples: Samples) -> None:
    """Take the places that are left, and ask for more."""
    async with httpx2.AsyncClient(trust_env=False, timeout=ANSWER_S) as client:
        await asyncio.sleep(_THINKS_S)
        for _ in range(free + _REFUSALS):
            asked_s = monotonic()
            response = await client.post(f"{url}api/token", json={})
            if response.status_code != HTTPStatus.SERVICE_UNAVAILABLE:
                continue
            samples.refusal_ms.append((monotonic() - asked_s) * 1000)
            samples.retry_after_s = int(response.headers.get("retry-after", "0"))
            queue = response.json().get("queue")
            if isinstance(queue, dict) and isinstance(queue.get("place"), int):
                samples.places.append(queue["place"])
    if not samples.refusal_ms:
        samples.errors.append(f"none of {free + _REFUSALS} more visitors was refused")
