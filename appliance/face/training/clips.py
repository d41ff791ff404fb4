"""The presenter's repertoire: clips of poses that breathe, sway, blink and look, and all begin and end at rest.

Any may follow any: at both ends every motion has come to its middle and stands still. What is done with an intent (a
nod, a glance, a smile) is written down move by move; what a body does by itself is drawn from the clip's name.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

from appliance.face.making.idle import blink
from appliance.face.making.pack import FPS
from appliance.face.training.look import Pose

_SWAY = {"dx": 2.2, "dy": 0.8, "roll": 0.75, "yaw": 0.22, "pitch": 0.14, "brow": 0.14, "smile": 0.05}
"""How far what is never quite still goes, in the units of Pose."""
_TREMOR = {"dx": 0.18, "dy": 0.16, "roll": 0.07}
"""What is quicker and smaller, about once a second."""
_BREATH_S = 3.6
"""A breath that lifts the chest by its full height; a shorter one lifts it less."""
_REACH_PX = {"dx": 1.0, "dy": 1.0, "roll": 2.6, "yaw": 4.0, "pitch": 3.0, "blink": 8.0, "breath": 3.3, "smile": 3.4,
             "brow": 3.0, "concern": 3.0, "squint": 2.5}  # fmt: skip
"""How many pixels at 512 a unit of each moves what it moves furthest."""
_GAZE_PX = (4.6, 2.4)
_HARDLY_PX = 0.2
"""A pose so near to rest is taken for it."""


@dataclass(frozen=True, slots=True)
class Move:
    """Something done with an intent: it comes, stays and goes."""

    what: str
    """A field of Pose."""
    far: float
    """How far it goes, in that field's unit."""
    at_s: float
    """When it begins."""
    rise_s: float
    """How long it comes."""
    stay_s: float
    """How long it stays."""
    fall_s: float
    """How long it goes."""

    def value(self, seconds: float) -> float:
        """How far it is now."""
        since = seconds - self.at_s
        return self.far * min(_ease(since / self.rise_s), 1 - _ease((since - self.rise_s - self.stay_s) / self.fall_s))


@dataclass(frozen=True, slots=True)
class Clip:
    """One stretch of poses."""

    name: str
    """What it is called in a pack."""
    kind: str
    """What it is for, see `life.STATES`."""
    frames: int
    """How many, at FPS."""
    blinks_s: tuple[float, ...] = ()
    """When the eyes begin to close."""
    glances: tuple[tuple[float, float, float], ...] = ()
    """(from second, gaze x, gaze y): eyes jump, and rest; the last one is straight ahead."""
    moves: tuple[Move, ...] = ()
    """What is done with an intent."""
    sway: float = 1.0
    """How much of the sway there is."""

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return self.frames / FPS

    def pose(self, seconds: float) -> Pose:
        """The pose at a time, 0 to `seconds`; at both ends it is `Pose()`."""
        share = seconds / self.seconds
        values = dict.fromkeys(_REACH_PX, 0.0)
        for name, value in self._wander(share).items():
            values[name] += value
        for move in self.moves:
            values[move.what] += move.value(seconds)
        breath = min(1.0, self.seconds / _BREATH_S) * _breath(share)
        lids = max((blink(seconds - start, FPS) for start in self.blinks_s), default=0.0)
        gaze = _gaze(self.glances, seconds)
        values["breath"] = breath
        values["dy"] -= 0.9 * breath
        values["blink"] = lids
        values["pitch"] += 0.05 * lids
        values["yaw"] += 0.12 * gaze[0] * math.sin(math.pi * share) ** 2
        values["brow"] -= 0.25 * lids
        return Pose(gaze=gaze, **values)

    def poses(self) -> list[Pose]:
        """One for every frame."""
        return [self.pose(frame / FPS) for frame in range(self.frames)]

    def exits(self) -> tuple[int, ...]:
        """The frames that are hardly to be told from the pose at rest."""
        return tuple(frame for frame, pose in enumerate(self.poses()) if departure_px(pose) < _HARDLY_PX)

    def _wander(self, share: float) -> dict[str, float]:
        """Slow sway and a small tremor, both nothing at the ends: drawn from the clip's name."""
        pick = random.Random(self.name)
        window = self.sway * math.sin(math.pi * share) ** 2
        drawn: dict[str, float] = {}
        for name, far in _SWAY.items():
            cycles, phase = pick.uniform(0.5, 1.2), pick.uniform(0, 2 * math.pi)
            drawn[name] = window * far * math.sin(2 * math.pi * cycles * share + phase)
        for name, far in _TREMOR.items():
            rate_hz, phase = pick.uniform(0.8, 1.3), pick.uniform(0, 2 * math.pi)
            drawn[name] += window * far * math.sin(2 * math.pi * rate_hz * share * self.seconds + phase)
        return drawn


def departure_px(pose: Pose) -> float:
    """How far a pose is from rest: the most that it moves anything by, pixels at 512."""
    gaze = max(abs(at) * reach for at, reach in zip(pose.gaze, _GAZE_PX, strict=True))
    return max(gaze, *(abs(getattr(pose, name)) * reach for name, reach in _REACH_PX.items()))


def _ease(share: float) -> float:
    """From 0 to 1, standing still at both ends, without a jerk."""
    share = min(1.0, max(0.0, share))
    return share**3 * (10 - 15 * share + 6 * share**2)


def _breath(share: float) -> float:
    """In more quickly than out, then a pause."""
    return _ease(share / 0.42) - _ease((share - 0.44) / 0.52)


def _gaze(glances: tuple[tuple[float, float, float], ...], seconds: float) -> tuple[float, float]:
    """Eyes jump within two frames and then rest."""
    x = y = 0.0
    for start, to_x, to_y in glances:
        share = min(1.0, max(0.0, (seconds - start) * FPS / 2))
        x, y = x + (to_x - x) * share, y + (to_y - y) * share
    return x, y


def _nod(at_s: float, far: float, down_s: float, up_s: float) -> tuple[Move, ...]:
    """The head goes down and comes back, a little over."""
    over_s = at_s + down_s + up_s * 0.7
    return (
        Move("pitch", far, at_s, down_s, 0.0, up_s),
        Move("dy", 2.6 * far, at_s + 0.02, down_s, 0.0, up_s),
        Move("pitch", -0.16 * far, over_s, up_s * 0.5, 0.0, up_s * 0.7),
    )


_CLIPS = (
    Clip("idle-1", "idle", 65, (1.00,), ((0.36, 0.07, -0.04), (1.04, -0.05, 0.03), (2.2, 0, 0))),
    Clip("idle-2", "idle", 75, (), ((0.6, -0.08, 0.02), (1.72, 0.05, -0.05), (2.6, 0, 0)),
         (Move("brow", 0.22, 0.9, 0.3, 0.35, 0.7),)),
    Clip("idle-3", "idle", 85, (0.84,), ((0.88, -0.34, 0.12), (1.84, 0.06, 0.0), (2.56, 0, 0))),
    Clip("idle-4", "idle", 90, (1.48, 1.92), ((0.48, 0.06, 0.05), (1.56, -0.07, -0.03), (3.2, 0, 0)),
         (Move("smile", 0.14, 1.3, 0.6, 0.5, 0.9), Move("squint", 0.18, 1.4, 0.6, 0.4, 0.8))),
    Clip("idle-5", "idle", 100, (2.36,), ((0.64, 0.09, -0.05), (2.40, 0.30, 0.06), (3.16, -0.04, 0.0), (3.6, 0, 0)),
         (Move("roll", 0.9, 0.4, 1.2, 0.8, 1.4),)),
    Clip("nod-1", "nod", 40, (), ((0.5, 0.04, 0.0), (1.2, 0, 0)), _nod(0.12, 0.55, 0.34, 0.52), 0.25),
    Clip("nod-2", "nod", 48, (0.44,), ((0.4, -0.04, 0.02), (1.4, 0, 0)),
         (*_nod(0.10, 0.62, 0.32, 0.42), *_nod(0.80, 0.36, 0.28, 0.44), Move("smile", 0.12, 0.3, 0.4, 0.3, 0.7)), 0.25),
    Clip("listen-1", "listen", 64, (1.72,), ((0.6, 0.06, 0.03), (1.76, -0.04, 0.0), (2.28, 0, 0)),
         (Move("roll", 1.7, 0.1, 0.8, 0.7, 0.9), Move("brow", 0.42, 0.2, 0.5, 0.8, 0.9),
          Move("dy", 0.8, 0.1, 0.9, 0.6, 0.85)), 0.4),
    Clip("think-1", "think", 52, (0.16, 1.60), ((0.24, 0.62, -0.62), (0.92, 0.50, -0.70), (1.64, 0, 0)),
         (Move("brow", 0.34, 0.15, 0.35, 0.7, 0.7), Move("yaw", 0.24, 0.15, 0.6, 0.5, 0.7),
          Move("roll", -0.8, 0.15, 0.6, 0.4, 0.8), Move("pitch", -0.22, 0.15, 0.5, 0.5, 0.75)), 0.3),
    Clip("greet-1", "greet", 56, (1.24,), ((0.4, 0.04, 0.0), (2.0, 0, 0)),
         (Move("smile", 0.42, 0.08, 0.5, 0.7, 0.85), Move("squint", 0.7, 0.12, 0.5, 0.6, 0.85),
          Move("brow", 0.5, 0.1, 0.3, 0.2, 0.6), *_nod(0.30, 0.40, 0.36, 0.6)), 0.3),
    Clip("calm-1", "calm", 60, (1.16,), ((1.2, -0.03, 0.03), (2.2, 0, 0)),
         (Move("concern", 0.75, 0.1, 0.7, 0.7, 0.8), Move("smile", -0.30, 0.1, 0.6, 0.7, 0.85),
          Move("roll", -1.0, 0.1, 0.9, 0.5, 0.85), *_nod(0.2, 0.30, 0.65, 0.75)), 0.3),
)  # fmt: skip
CLIPS: dict[str, Clip] = {clip.name: clip for clip in _CLIPS}
"""The repertoire: 27 s, of which idle clips are 16.6 with five closings of the eyes."""
