"""How well each visitor is served: the number of visitors goes in; pictures a second, or a still face, come out.

The steps between the visitors that a machine serves at full rate and the most that may be connected: 25, 15, 10
pictures a second, then a still face with its voice. Pure: no I/O, and time is an argument. It stands apart from
admission because a session reads the step, and a session stands below admission.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

RATES = (25, 15, 10)
"""Pictures a second of the steps that move."""
STILL_FPS = 1
"""A still picture is sent again so often, for a client that came late or lost it."""
QUIET_S = 10.0
"""The ladder is climbed when a better step would have had a place to spare for so long,"""
CALM_S = 60.0
"""or when it would just have served everybody for so long: one who comes and goes does not make the picture jump."""


@dataclass(frozen=True, slots=True)
class Step:
    """What a session shows."""

    fps: int
    """Pictures a second."""
    still: bool = False
    """The same picture each time: nothing is drawn."""

    @property
    def name(self) -> str:
        """What a client is told, in the agent's attribute `appliance.video`."""
        return "still" if self.still else str(self.fps)

    def shows(self, index: int, full_fps: int) -> bool:
        """Whether the picture of the running frame `index`, of `full_fps` a second, is one of this step's."""
        return index * self.fps // full_fps != (index - 1) * self.fps // full_fps


FULL = Step(RATES[0])
STILL = Step(STILL_FPS, still=True)


@dataclass(frozen=True, slots=True)
class Rung:
    """A step, and how many it is good for."""

    step: Step
    """What each visitor is shown."""
    visitors: int
    """Most visitors at the same time."""


@dataclass(frozen=True, slots=True)
class _Standing:
    """Replaced as a whole, so that every thread reads one that fits together."""

    place: int
    """Rung, counted from the best."""
    spare_s: tuple[float, ...]
    """Since when each rung would have a place to spare; infinite while it has none."""
    fits_s: tuple[float, ...]
    """Since when each rung would serve everybody; infinite while it does not."""


class Ladder:
    """Goes down at once when more visitors come, and up when it has been quiet. Read from any thread."""

    def __init__(self, rungs: Sequence[Rung]) -> None:
        """
        Args:
            rungs: the best first, each good for more visitors than the one before; the last takes everybody.
        """
        assert rungs
        self.rungs = tuple(rungs)
        always = (-math.inf,) * len(rungs)
        self._standing = _Standing(0, always, always)

    def update(self, visitors: int, now_s: float) -> None:
        """There are `visitors` now: called by one thread only, whenever their number changes."""
        before = self._standing
        spare = self._since(before.spare_s, now_s, [visitors < rung.visitors for rung in self.rungs])
        fits = self._since(before.fits_s, now_s, [visitors <= rung.visitors for rung in self.rungs])
        lowest = next(
            (place for place, rung in enumerate(self.rungs) if visitors <= rung.visitors), len(self.rungs) - 1
        )
        self._standing = _Standing(max(self._place(before, now_s), lowest), spare, fits)

    def step(self, now_s: float) -> Step:
        """What every session shows at this time."""
        return self.rungs[self._place(self._standing, now_s)].step

    def _place(self, standing: _Standing, now_s: float) -> int:
        """The best rung that it has been quiet enough for, or the one of the last change."""
        for place in range(standing.place):
            if now_s - standing.spare_s[place] >= QUIET_S or now_s - standing.fits_s[place] >= CALM_S:
                return place
        return standing.place

    @staticmethod
    def _since(before: Sequence[float], now_s: float, holds: Sequence[bool]) -> tuple[float, ...]:
        return tuple(min(since, now_s) if true else math.inf for since, true in zip(before, holds, strict=True))
