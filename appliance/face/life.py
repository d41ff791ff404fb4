"""The clips of an avatar's film in, the frame for any tick out: a face that is alive while it waits, hears and speaks.

Every clip begins and ends in the same pose at rest, so that any may follow any. Between two of them the face rests for
some frames, as breath does; which clips follow each other, and after which rest, does not come again for long.
"""

from __future__ import annotations

import random
from bisect import bisect_right
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

RESTS = range(11)
"""Frames that the face may rest between two clips: up to 0.4 s at 25 fps, the pause after breathing out."""
_REMEMBERED = 400
"""Joints that do not come again: more than ten minutes have, with the shortest clips there are."""


@dataclass(frozen=True, slots=True)
class Clip:
    """A stretch of an avatar's film that begins and ends at rest."""

    name: str
    """As its pack calls it."""
    kind: str
    """What it is for: idle, nod, listen, think, greet or calm."""
    first: int
    """Its first frame in the film: the pose at rest."""
    frames: int
    """How many it has."""
    exits: tuple[int, ...] = ()
    """Frames, counted from its first, after which it may be left: they are hardly to be told from the pose at rest."""


@dataclass(frozen=True, slots=True)
class _Manner:
    """What is shown in one state."""

    first: str
    """The kind that it begins with."""
    then: Mapping[str, int]
    """The kinds that follow, and how often."""


_IDLE = {"idle": 1}
STATES: Mapping[str, _Manner] = {
    "idle": _Manner("idle", _IDLE),
    "listening": _Manner("listen", {"idle": 5, "listen": 2, "nod": 3}),
    "thinking": _Manner("think", {"idle": 3, "think": 1}),
    "speaking": _Manner("idle", _IDLE),
    "greeting": _Manner("greet", _IDLE),
    "calm": _Manner("calm", {"idle": 2, "calm": 1}),
}
"""What may go on in a conversation."""


@dataclass(slots=True)
class _Span:
    """One clip as it was planned."""

    start: int
    """Its first tick."""
    rest: int
    """Ticks for which its first frame is held before it goes on."""
    clip: Clip
    ticks: int
    """How long it is shown, rest and all."""

    def frame(self, tick: int) -> int:
        return self.clip.first + max(tick - self.start - self.rest, 0)


class Life:
    """One face's frames, planned clip by clip as they are asked for: a tick always has the same frame."""

    def __init__(self, clips: Sequence[Clip], n_frames: int, seed: str) -> None:
        """
        Args:
            clips: of the avatar's film; where there is none, all of it is one loop.
            n_frames: frames of the film.
            seed: another one, another order.
        """
        self._clips = clips
        self._n_frames = n_frames
        self._pick = random.Random(seed)
        self._spans: list[_Span] = []
        self._starts: list[int] = []
        self._joints: deque[tuple[str, int, str]] = deque(maxlen=_REMEMBERED)
        self._state = "idle"
        self._begins = False

    @property
    def state(self) -> str:
        """What goes on, one of STATES."""
        return self._state

    def frame(self, tick: int) -> int:
        """The film's frame for a tick, 0 or more; what comes before it is planned with it."""
        if not self._clips:
            return tick % self._n_frames
        while not self._spans or self._end <= tick:
            self._plan()
        return self._spans[bisect_right(self._starts, tick) - 1].frame(tick)

    def live(self, state: str, after: int) -> None:
        """Another state begins: clips that fit it follow as soon as the one that is shown may be left.

        Args:
            state: one of STATES.
            after: the last tick whose frame is in use; later ones may have others from now on.
        Raises:
            KeyError: there is no such state.
        """
        first = STATES[state].first
        if state == self._state:
            return
        self._state, self._begins = state, first != "idle"
        while self._spans and self._spans[-1].start > after:
            self._forget()
        if self._spans:
            last = self._spans[-1]
            leaves = [last.rest + place + 1 for place in last.clip.exits]
            last.ticks = min([last.ticks, *(ticks for ticks in leaves if last.start + ticks > after)])

    @property
    def _end(self) -> int:
        return self._spans[-1].start + self._spans[-1].ticks

    def _forget(self) -> None:
        self._spans.pop()
        self._starts.pop()
        if self._joints:
            self._joints.pop()

    def _plan(self) -> None:
        """Let another clip follow: of a kind that fits, not the same again, and in a joint that was not seen lately."""
        before = self._spans[-1].clip.name if self._spans else ""
        others = [clip for clip in self._clips if clip.name != before] or list(self._clips)
        kind = self._kind()
        idle = [clip for clip in others if clip.kind == "idle"] or others
        clips = [clip for clip in others if clip.kind == kind] or idle
        joints = [(before, rest, clip.name) for clip in clips for rest in RESTS]
        fresh = [joint for joint in joints if joint not in self._joints] or joints
        joint = self._pick.choice(fresh)
        clip = next(clip for clip in clips if clip.name == joint[2])
        start = self._end if self._spans else 0
        rest = joint[1] if self._spans else 0
        self._spans.append(_Span(start, rest, clip, rest + clip.frames))
        self._starts.append(start)
        if before:
            self._joints.append(joint)

    def _kind(self) -> str:
        """Draw the next clip's kind."""
        manner = STATES[self._state]
        begins, self._begins = self._begins, False
        return manner.first if begins else self._pick.choices(list(manner.then), list(manner.then.values()))[0]
