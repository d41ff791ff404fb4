"""What a visitor's client sent, heard and saw, each with its time of arrival: recorded first, measured afterwards."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Pcm16 = npt.NDArray[np.int16]
Cells = npt.NDArray[np.uint8]

RATE_HZ = 48_000
"""Rate of all sound in a timeline: WebRTC's own, so that nothing is resampled on the way."""
GRID = 32
"""A picture is kept as GRID x GRID cells of mean luminance: 1 kB, and a mouth still covers a dozen of them."""
AUDIBLE = 10 ** (-45 / 20)
"""Amplitude at which a sample counts as heard, -45 dBFS; full scale is 1."""
_AUDIBLE_INT16 = AUDIBLE * 32768


@dataclass(frozen=True, slots=True)
class Heard:
    """One frame of the avatar's voice."""

    at_s: float
    """When it arrived, seconds of the client's monotonic clock; its first sample sounds then."""
    pcm: Pcm16
    """(n,) int16 at RATE_HZ."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One picture of the avatar."""

    at_s: float
    """When it arrived, seconds."""
    cells: Cells
    """(GRID, GRID) uint8 mean luminance."""


@dataclass(frozen=True, slots=True)
class Words:
    """A piece of `lk.transcription`."""

    at_s: float
    """When its stream ended, seconds."""
    by_visitor: bool
    """Whether it is what was heard of us."""
    text: str
    """The words."""
    final: bool
    """Whether it will not be replaced."""


@dataclass(frozen=True, slots=True)
class State:
    """A change of `lk.agent.state`."""

    at_s: float
    """When it arrived, seconds."""
    name: str
    """initializing, listening, thinking or speaking."""


@dataclass(frozen=True, slots=True)
class Spoken:
    """One recording that the visitor played into the microphone."""

    name: str
    """The recording."""
    first_s: float
    """When its first audible sample was spoken, seconds."""
    last_s: float
    """When its last audible sample was spoken, seconds."""
    late_s: float
    """How late its latest frame was sent, seconds: above 0.02 the client's machine was too busy to measure well."""
    pause_s: tuple[float, float] | None = None
    """The last audible sample before the pause inside it and the first after; None where none was put in."""


@dataclass(slots=True)
class Timeline:
    """Everything of one visit, each list in order of time."""

    heard: list[Heard] = field(default_factory=list[Heard])
    """The avatar's voice, silence included."""
    seen: list[Seen] = field(default_factory=list[Seen])
    """The avatar's pictures."""
    words: list[Words] = field(default_factory=list[Words])
    """Captions of both sides."""
    states: list[State] = field(default_factory=list[State])
    """What the avatar says it does."""
    spoken: list[Spoken] = field(default_factory=list[Spoken])
    """What we said."""

    def take(self) -> Timeline:
        """Hand over what was heard and seen so far and forget it; long visits would fill the memory."""
        taken = Timeline(heard=[*self.heard], seen=[*self.seen])
        self.heard.clear()
        self.seen.clear()
        return taken


def audible(pcm: Pcm16) -> tuple[int, int] | None:
    """Indices of the first and the last sample at or above -45 dBFS; None where there is none."""
    loud = np.flatnonzero(np.abs(pcm.astype(np.int32)) >= _AUDIBLE_INT16)
    return (int(loud[0]), int(loud[-1])) if len(loud) else None
