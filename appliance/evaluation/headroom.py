"""What a machine's engines cost goes in; how many visitors each step of the ladder is good for comes out. Pure.

The model of the calculation, with its assumptions:

* A visitor's turn comes every 12 s: about 3 s of question, 1 s until the answer, 5 s of answer, 3 s of thought. So the
  avatar speaks two fifths of the time, and with N visitors the number who are spoken to in the same moment is binomial.
  Faces must be drawn for as many as are spoken to in 95 of 100 moments: all three of three, seven of ten.
* A turn costs two transcriptions (one of them ahead of a pause that was not the end), two fifths of it in speech, and
  every second time a reply of the mind; the other answers are the persona's own. This work may wait a moment, so that
  its average counts.
* While the avatar listens, an idle picture is copied, and somebody listens for speech. Every picture is encoded, in
  WebRTC at twice what libvpx alone takes. A still face costs no drawing, and one encoded picture a second.
* Being connected (sound both ways, signalling, the session's part of the loop, livekit-server) costs each visitor as
  much as encoding 36 pictures a second: 0.058 of a core, found from ten idle visitors with a still face on two cores of
  an AMD EPYC.
* Every engine is one thread and may be busy four fifths of the time, and so may all cores together, by CPU time; nine
  tenths on the steps below the full rate, where a late picture is no news. The CPU time of each engine was measured
  with all of its threads, so that an engine on a GPU costs its thread only.
* An answer's own work is stretched by what is done for all others. Cores serve everybody in turns, which makes it
  1 / (1 - busy ** cores) times as long (exact for one and two cores of a Markov queue); the ears, the mind and the
  voice each serve one after the other, which makes it 1 / (1 - busy) times as long, for the busiest of them. It begins
  ahead of the end of the turn where the ears are set so. What is heard must come within 1.5 s, or 3 s on the steps
  below the full rate.
* A step is never good for more visitors than the mind keeps conversations of.

`appliance bench capacity` measures at a client's ear what is computed here.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from appliance.capacity import Capacity, rising, steps
from appliance.ladder import STILL, Rung, Step

TURN_S = 12.0
SPEAKS = 0.4
SURE = 0.95
TRANSCRIPTIONS = 2
REPLIES = 0.5
WEBRTC = 2.0
"""Measured: 3.2 ms of the whole way of a 512x512 picture, where libvpx alone takes 1.6."""
CONNECTED_PICTURES = 36
_VISITORS_MAX = 500


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one unit of an engine's work."""

    wall_s: float
    """Seconds of its thread; 0 where it runs on another machine."""
    cpu_s: float
    """Seconds of all cores together."""


@dataclass(frozen=True, slots=True)
class Costs:
    """What was measured."""

    cores: int
    """Processors that this process may use."""
    conversations: int
    """Visitors whose conversation the mind keeps."""
    turn_ends_s: float
    """From the last sound of a question to the end of the turn, before which no answer is heard."""
    head_start_s: float
    """How long before that its work begins."""
    answer_s: float
    """The work up to the answer's first sound, alone on the machine: words, first clause, first sound."""
    face: Cost
    """A picture of a speaking face, drawn with those of others."""
    idle: Cost
    """A picture of a silent face."""
    encode_cpu_s: float
    """Encoding a picture: an estimate."""
    ears: Cost
    """A transcription of three seconds, with those of others."""
    mind: Cost
    """A reply of 24 tokens, with those of others."""
    voice: Cost
    """A second of speech."""
    vigilance_cpu_s: float
    """A second of listening for speech."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a step must keep to."""

    answer_s: float
    """Most seconds from the last sound of a question to the first of its answer."""
    busy: float
    """Most of its time that anything may be busy, of 1."""


FULL_RATE, LADDER = Bounds(1.5, 0.8), Bounds(3.0, 0.9)


@dataclass(frozen=True, slots=True)
class Use:
    """What a number of visitors on one step needs."""

    busy: dict[str, float]
    """Share of its time: of each engine's thread, and of all cores under `cores`."""
    answer_s: float
    """From the last sound of a question to the first of its answer; infinite when there is no end to the work."""


def spoken_to(visitors: int) -> int:
    """How many avatars speak at once, in all but five of a hundred moments."""
    sure = 0.0
    for speaking in range(visitors + 1):
        sure += math.comb(visitors, speaking) * SPEAKS**speaking * (1 - SPEAKS) ** (visitors - speaking)
        if sure >= SURE:
            return speaking
    return visitors


def use(costs: Costs, step: Step, visitors: int) -> Use:
    """What `visitors` need on `step`."""
    speaking = spoken_to(visitors)
    drawn = 0 if step.still else speaking * step.fps
    idle = 0 if step.still else (visitors - speaking) * step.fps
    encoded = visitors * (step.fps * WEBRTC + CONNECTED_PICTURES)
    heard, replied = visitors * TRANSCRIPTIONS / TURN_S, visitors * REPLIES / TURN_S
    cpu_s = (
        drawn * costs.face.cpu_s
        + idle * costs.idle.cpu_s
        + encoded * costs.encode_cpu_s
        + heard * costs.ears.cpu_s
        + replied * costs.mind.cpu_s
        + visitors * (SPEAKS * costs.voice.cpu_s + costs.vigilance_cpu_s)
    )
    busy = {
        "cores": cpu_s / costs.cores,
        "face": drawn * costs.face.wall_s,
        "ears": heard * costs.ears.wall_s,
        "mind": replied * costs.mind.wall_s,
        "voice": visitors * SPEAKS * costs.voice.wall_s,
    }
    return Use(busy, _answer_s(costs, busy))


def _answer_s(costs: Costs, busy: dict[str, float]) -> float:
    if max(busy.values()) >= 1:
        return math.inf
    one_by_one = max(busy[name] for name in ("ears", "mind", "voice"))
    work_s = costs.answer_s / ((1 - busy["cores"] ** costs.cores) * (1 - one_by_one))
    return costs.turn_ends_s + max(0.0, work_s - costs.head_start_s)


def limit(costs: Costs, step: Step, visitors: int, bounds: Bounds) -> str:
    """What `visitors` on `step` have too little of: an engine, cores, answer, conversations; or nothing, ""."""
    needed = use(costs, step, visitors)
    if visitors > costs.conversations:
        return "conversations"
    name, busy = max(needed.busy.items(), key=lambda item: item[1])
    if busy > bounds.busy:
        return name
    return "answer" if needed.answer_s > bounds.answer_s else ""


@dataclass(frozen=True, slots=True)
class Headroom:
    """How many visitors fit, and what the next one would lack."""

    capacity: Capacity
    """For the daemon."""
    lacks: dict[str, str]
    """Name of a step -> what one more visitor on it would have too little of."""


def headroom(costs: Costs, fps: int) -> Headroom:
    """The most visitors of each step, which a full rate of `fps` begins.

    Even a machine that is too slow for anybody serves one, whose face is still.
    """
    found = list(_most(costs, fps))
    rungs = rising(rung for rung, _ in found)
    if rungs[-1].visitors < 1:
        rungs = (rungs[0], Rung(STILL, 1))
    return Headroom(Capacity(rungs), {rung.step.name: lack for rung, lack in found})


def _most(costs: Costs, fps: int) -> Iterator[tuple[Rung, str]]:
    for step in steps(fps):
        bounds = FULL_RATE if step.fps == fps else LADDER
        visitors, lack = 0, ""
        while visitors < _VISITORS_MAX and not (lack := limit(costs, step, visitors + 1, bounds)):
            visitors += 1
        yield Rung(step, visitors), lack
