"""`appliance bench sync`: the avatar speaks for a long time; are its lips with its voice, and do they stay with it?

Questions are written, one as soon as the answer before is over. A few seconds around an answer are kept, spread over
the whole time, and compared afterwards with the same face drawn from the voice as it arrived.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from appliance.clock import monotonic
from appliance.config import Config
from appliance.evaluation import mouth
from appliance.evaluation.bench import appliance
from appliance.evaluation.conversation import ANSWER_S
from appliance.evaluation.measures import Stretch, slope, stretches
from appliance.evaluation.report import quantiles
from appliance.evaluation.timeline import Timeline
from appliance.evaluation.visitor import Visitor
from appliance.personas.persona import Persona, load

if TYPE_CHECKING:  # it brings all engines' libraries
    from appliance.evaluation.reference import Reference

_COMPARED = 60
"""Answers that are compared, at most: one a half minute of the longest run."""
_QUIET_S = 1.0
"""Silence after which an answer is over; still lips are needed to tell moving ones."""
_CALM_S = 2.5
_GREETED_S = 30.0
_ENDLESS_S = 60.0
_LONGEST = 20
_FEW = 0.5
"""Pictures that moved, of those that should have, below which an answer cannot be compared."""
_ENOUGH = 8
"""Offsets of single answers differ by some 10 ms: a line through fewer says nothing about drift."""


@dataclass(slots=True)
class Samples:
    """Every single measurement."""

    seconds: float = 0.0
    """How long the avatar was kept speaking."""
    answers: int = 0
    """How often it answered."""
    offset_ms: list[tuple[float, float]] = field(default_factory=list[tuple[float, float]])
    """Minutes since the start and the offset of an answer; above 0 the pictures are late."""
    correlation: list[float] = field(default_factory=list[float])
    """How alike both mouths were, one an offset."""
    lips_frozen: list[float] = field(default_factory=list[float])
    """Share of lip movements that did not arrive, one an offset."""
    starved: int = 0
    """Answers that could not be compared because too few of their pictures came: the machine did not keep up."""
    errors: list[str] = field(default_factory=list[str])
    """No answer, or one that could not be compared."""

    def summary(self) -> dict[str, Any]:
        """The figures as `--json` prints them."""
        offsets = [ms for _, ms in self.offset_ms]
        minutes = self.seconds / 60
        per_minute = slope(self.offset_ms) if len(offsets) >= _ENOUGH else None
        return {
            "offset_ms": {
                **quantiles(offsets, p50=50),
                "p95_abs": quantiles([abs(ms) for ms in offsets], p95=95)["p95"],
            },
            "drift_ms": None if per_minute is None else round(per_minute * minutes, 2),
            "minutes": round(minutes, 2),
            "answers": self.answers,
            "compared": len(offsets),
            "errors": len(self.errors),
        }


@dataclass(frozen=True, slots=True)
class Piece:
    """One answer that is compared."""

    at_s: float
    """When it was asked for, seconds since the start."""
    timeline: Timeline
    """What was heard and seen from then until the answer was over."""


async def measure(config: Config, config_file: Path | None, seconds: float, progress: Callable[[str], None]) -> Samples:
    """Keep the box speaking for some seconds, and compare.

    Raises:
        AgentError: the box or the face did not start.
    """
    from appliance.evaluation.reference import Reference

    samples = Samples()
    progress("starting box")
    async with appliance(config_file) as box, Visitor(box.url) as visitor:
        pieces = await _listen(visitor, texts(load(config.session.persona)), seconds, samples, progress)
        if visitor.lost:
            samples.errors.append(visitor.lost)
    progress("comparing lips and voice")
    async with Reference(config) as reference:
        await _compare(pieces, reference, samples)
    return samples


def texts(persona: Persona) -> list[str]:
    """Questions that have the longest answers, the longest first."""
    entries = sorted(persona.entries, key=lambda entry: -len(entry.answer))
    return [entry.questions[0] for entry in entries if not entry.repeat][:_LONGEST]


async def _listen(
    visitor: Visitor, questions: Sequence[str], seconds: float, samples: Samples, progress: Callable[[str], None]
) -> list[Piece]:
    await visitor.hears(0.0, _GREETED_S)
    await visitor.silence(_CALM_S, _GREETED_S)
    pieces = [Piece(0.0, visitor.timeline.take())]  # the greeting, and lips at rest
    started_s, due_s = monotonic(), 0.0
    for question in itertools.cycle(questions):
        at_s = monotonic() - started_s
        if at_s >= seconds or visitor.lost:
            break
        progress(f"{at_s / 60:.1f} of {seconds / 60:.1f} minutes")
        sent_s = await visitor.write(question)
        if not await visitor.hears(sent_s, ANSWER_S):
            samples.errors.append(f"{question}: no answer in {ANSWER_S:.0f} s")
            continue
        await visitor.silence(_QUIET_S, _ENDLESS_S)
        samples.answers += 1
        piece = Piece(at_s, visitor.timeline.take())
        if at_s >= due_s:
            pieces.append(piece)
            due_s += seconds / _COMPARED
    samples.seconds = monotonic() - started_s
    return pieces


async def _compare(pieces: Sequence[Piece], reference: Reference, samples: Samples) -> None:
    sounds = [sound for piece in pieces for sound in stretches(piece.timeline.heard)]
    face = mouth.find_mouth([frame for piece in pieces for frame in piece.timeline.seen], sounds)
    if face is None:
        samples.errors.append("nothing in the picture moves with the voice")
        return
    for piece in pieces[1:]:
        found = stretches(piece.timeline.heard)
        if not found:
            continue
        rendered = await reference.render(piece.timeline.heard, Stretch(found[0].start_s, found[-1].end_s))
        offset = mouth.offset(face, piece.timeline.seen, rendered)
        if offset is None:
            share = mouth.arrived(face, piece.timeline.seen, rendered)
            samples.starved += share < _FEW
            what = f"came in {share:.0%} of their pictures" if share < _FEW else "are not those of its voice"
            samples.errors.append(f"the lips of the answer at {piece.at_s:.0f} s {what}")
            continue
        samples.offset_ms.append((piece.at_s / 60, offset.ms))
        samples.correlation.append(offset.correlation)
        samples.lips_frozen.append(mouth.frozen(face, piece.timeline.seen, rendered, offset))
