"""What a measuring visitor does: asks, waits for the whole answer, asks again; interrupts some answers; leaves."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from appliance.evaluation.measures import answer, stretches
from appliance.evaluation.microphone import Recording
from appliance.evaluation.timeline import Spoken, Timeline
from appliance.evaluation.visitor import Visitor

ANSWER_S = 15.0
"""A question without an answer for so long is an error."""
_JOINED_S = 60.0
_GREETED_S = 5.0
_CALM_S = 3.0
"""Silence before the first question: the greeting is over, and whatever a session loads is loaded."""
_QUIET_S = 1.2
"""Silence after which an answer is over."""
_ENDLESS_S = 60.0
_INTO_ANSWER_S = 1.5
"""How far into an answer it is interrupted."""
_INTO_GREETING_S = 0.7
_ENOUGH_S = 2.0
"""Of the answer, for a visitor in a hurry."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is said in one visit."""

    questions: Sequence[Recording]
    """Asked in turn, round and round."""
    turns: int
    """Questions whose answers are measured."""
    interruptions: int
    """Further questions whose answers are interrupted."""
    paused: Sequence[Recording] = ()
    """Further questions with a pause inside."""


@dataclass(slots=True)
class Visit:
    """What happened."""

    timeline: Timeline
    """Everything that was sent, heard and seen."""
    turns: list[Spoken] = field(default_factory=list[Spoken])
    """Questions that were answered in time."""
    interruptions: list[Spoken] = field(default_factory=list[Spoken])
    """What was said while the avatar spoke."""
    paused: list[Spoken] = field(default_factory=list[Spoken])
    """Questions with a pause inside that were answered in time."""
    errors: list[str] = field(default_factory=list[str])
    """What went wrong, in words for people."""


async def converse(visitor: Visitor, plan: Plan, progress: Callable[[str], None]) -> Visit:
    """Hold the planned conversation; an error ends it only where the room is lost.

    Args:
        progress: told what is being done.
    """
    visit = Visit(visitor.timeline)
    # The avatar says that it listens shortly before its greeting is heard; the baseline has none.
    await visitor.hears(0.0, _GREETED_S)
    if not await visitor.silence(_CALM_S, _JOINED_S):
        visit.errors.append(visitor.lost or f"the avatar was not listening {_JOINED_S:.0f} s after joining")
        return visit
    recordings = _round(plan.questions)
    for number in range(1, plan.turns + 1):
        progress(f"question {number} of {plan.turns}")
        question = await _ask(visitor, visit, next(recordings))
        if question is not None:
            visit.turns.append(question)
        if visitor.lost:
            return visit
    for number, recording in enumerate(plan.paused, 1):
        progress(f"question with a pause {number} of {len(plan.paused)}")
        question = await _ask(visitor, visit, recording)
        if question is not None:
            visit.paused.append(question)
        if visitor.lost:
            return visit
    attempts = iter(range(1, 2 * plan.interruptions + 1))
    while len(visit.interruptions) < plan.interruptions and next(attempts, None) is not None:
        progress(f"interruption {len(visit.interruptions) + 1} of {plan.interruptions}")
        await _ask(visitor, visit, next(recordings), interruption=next(recordings))
        if visitor.lost:
            return visit
    return visit


async def hurry(visitor: Visitor, question: Recording, progress: Callable[[str], None]) -> Visit:
    """The shortest visit that shows everything: asks over the greeting, hears the answer's beginning, and leaves.

    A box that is too slow to fall silent before the question is over is asked again.
    """
    visit = Visit(visitor.timeline)
    progress("listening to the greeting")
    if not (
        await visitor.hears(0.0, _JOINED_S) and await visitor.hears(visitor.audible_s + _INTO_GREETING_S, ANSWER_S)
    ):
        visit.errors.append(visitor.lost or "the greeting was not heard")
        return visit
    progress(f"asking: {question.name}")
    said = await visitor.say(question)
    visit.interruptions.append(said)
    heard = await visitor.hears(said.last_s, ANSWER_S)
    if heard and answer(stretches(visitor.timeline.heard), said) is None:
        progress("asking again, when the greeting is over")
        await visitor.silence(_QUIET_S, _ENDLESS_S)
        said = await visitor.say(question)
        heard = await visitor.hears(said.last_s, ANSWER_S)
    if not heard:
        visit.errors.append(visitor.lost or f"{question.name}: no answer in {ANSWER_S:.0f} s")
        return visit
    visit.turns.append(said)
    await visitor.hears(visitor.audible_s + _ENOUGH_S, 2 * _ENOUGH_S)
    return visit


async def _ask(
    visitor: Visitor, visit: Visit, question: Recording, interruption: Recording | None = None
) -> Spoken | None:
    """Ask, and wait until the answer is over; None when there was none."""
    spoken = await visitor.say(question)
    if not await visitor.hears(spoken.last_s, ANSWER_S):
        visit.errors.append(visitor.lost or f"{question.name}: no answer in {ANSWER_S:.0f} s")
        return None
    # An answer that is over before it is interrupted is no failure: another one is.
    if interruption is not None and await visitor.hears(visitor.audible_s + _INTO_ANSWER_S, 2 * _INTO_ANSWER_S):
        said = await visitor.say(interruption)
        visit.interruptions.append(said)
        if not await visitor.hears(said.last_s, ANSWER_S):
            visit.errors.append(visitor.lost or f"{interruption.name}: no answer in {ANSWER_S:.0f} s")
    if not await visitor.silence(_QUIET_S, _ENDLESS_S):
        visit.errors.append(visitor.lost or f"{question.name}: still speaking after {_ENDLESS_S:.0f} s")
    return spoken


def _round(recordings: Sequence[Recording]) -> Iterator[Recording]:
    while True:
        yield from recordings
