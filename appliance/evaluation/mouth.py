"""Finds the mouth in recorded pictures, the moment it starts to move, and how far it is from the voice.

The mouth is where pictures change while the voice is heard and hardly change while it is not. A visitor's eyes can be
deceived in one more way: lips open before the sound they make. So the offset is not taken between mouth and loudness:
the same face is rendered again from the voice as it arrived, where pictures and sound belong together by construction,
and the pictures that arrived are laid over those.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from appliance.evaluation.measures import Stretch
from appliance.evaluation.timeline import GRID, Cells, Seen

Signal = npt.NDArray[np.float64]

BOX = (slice(GRID * 7 // 16, GRID * 15 // 16), slice(GRID // 4, GRID * 3 // 4))
"""Rows and columns in which the mouth is looked for: below the eyes, which blink at any time."""
_SMOOTH_S = 0.6
"""Slower changes are the head's, not the lips'."""
_STEP_S = 0.005
_REACH_S = 0.6
"""Offsets that are searched, each way."""
_NEAR_S = 0.07
"""A picture that is not more than one early or late is in its place."""
_CONTRAST = 2.0
"""A face moves at least this much more while it speaks than while it listens; a test picture does not."""
_AT_REST = 3.0
"""Distances from the resting mouth within which it counts as closed, in quartiles of a listening face's."""
_SURE = 0.5
"""Correlation below which no offset is claimed."""


@dataclass(frozen=True, slots=True)
class Mouth:
    """Where the mouth is and how its opening shows."""

    weights: Signal
    """(cells of BOX,) unit vector: how each cell's luminance changes as the mouth opens or closes."""
    still: float
    """Motion between two pictures that a closed mouth hardly ever reaches."""


@dataclass(frozen=True, slots=True)
class Offset:
    """How far the pictures of one answer are from its voice."""

    ms: float
    """Above 0: the pictures come late."""
    correlation: float
    """Of the two mouths at that offset, -1 to 1."""


def find_mouth(seen: Sequence[Seen], sounds: Sequence[Stretch]) -> Mouth | None:
    """Learn the mouth from a visit; None where nothing in the picture moves with the voice."""
    if len(seen) < 3:
        return None
    times = np.array([frame.at_s for frame in seen])
    cells = _box([frame.cells for frame in seen])
    steps = np.diff(cells, axis=0)
    speaking = _during(times[1:], sounds, 0.0)
    silent = ~_during(times[1:], sounds, 0.5)
    if speaking.sum() < 25 or silent.sum() < 25:
        return None
    # The direction in which the cells change together while the voice is heard, less what they do anyway.
    change = _covariance(steps[speaking]) - _covariance(steps[silent])
    _, vectors = np.linalg.eigh(change)
    weights = vectors[:, -1]
    motion = np.abs(steps @ weights)
    if np.sqrt(np.mean(motion[speaking] ** 2)) < _CONTRAST * np.sqrt(np.mean(motion[silent] ** 2)):
        return None
    return Mouth(weights, float(np.percentile(motion[silent], 99)) * 1.5)


def first_moved_s(mouth: Mouth, seen: Sequence[Seen], after_s: float) -> float | None:
    """When the first picture after `after_s` arrived whose lips had moved, and went on moving in the next five."""
    frames = [frame for frame in seen if frame.at_s > after_s]
    moved = _motion(mouth, frames) > mouth.still
    for index in np.flatnonzero(moved):
        if moved[index + 1 : index + 6].sum() >= 2:
            return frames[int(index) + 1].at_s
    return None


def closed_s(
    mouth: Mouth, seen: Sequence[Seen], sounds: Sequence[Stretch], after_s: float, until_s: float
) -> float | None:
    """When the first picture after `after_s` arrived from which on the mouth was as closed as it is while it listens.

    Args:
        until_s: it has to stay so until then; the next answer opens it again.
    Returns:
        None where it was open to the end, or where too little was seen.
    """
    times = np.array([frame.at_s for frame in seen])
    opening = _box([frame.cells for frame in seen]) @ mouth.weights if len(seen) else np.empty(0)
    idle = opening[~_during(times, sounds, 0.5)]
    window = np.flatnonzero((times >= after_s) & (times < until_s))
    if len(idle) < 25 or not len(window):
        return None
    level = float(np.median(idle))
    # A listening face moves a little, too. The quartile, because a mouth that was left open is no listening one.
    tolerance = max(_AT_REST * float(np.percentile(np.abs(idle - level), 75)), mouth.still)
    opened = np.flatnonzero(np.abs(opening[window] - level) > tolerance)
    first = int(opened[-1]) + 1 if len(opened) else 0
    return float(times[window[first]]) if first < len(window) else None


def offset(mouth: Mouth, seen: Sequence[Seen], rendered: Sequence[Seen]) -> Offset | None:
    """Lay what arrived over the same face rendered from the voice that arrived.

    Args:
        rendered: its pictures, each with the time its first sample was heard.
    Returns:
        None where the two are not alike enough to say.
    """
    if len(rendered) < 10:
        return None
    start_s, end_s = rendered[0].at_s, rendered[-1].at_s
    grid = np.arange(start_s - _REACH_S, end_s + _REACH_S, _STEP_S)
    near = [frame for frame in seen if grid[0] - 0.2 <= frame.at_s <= grid[-1] + 0.2]
    if len(near) < 10:
        return None
    reach = round(_REACH_S / _STEP_S)
    ours = _lips(mouth, near, grid)
    wanted = _lips(mouth, rendered, grid[reach:-reach])
    scores = np.array([_correlation(ours[lag : lag + len(wanted)], wanted) for lag in range(2 * reach + 1)])
    best = int(np.argmax(scores))
    if scores[best] < _SURE or best in (0, 2 * reach):
        return None
    return Offset((best - reach + _vertex(scores[best - 1 : best + 2])) * _STEP_S * 1000, float(scores[best]))


def frozen(mouth: Mouth, seen: Sequence[Seen], rendered: Sequence[Seen], found: Offset) -> float:
    """How much of an answer's lip movement did not arrive: pictures that were late and held, 0 to 1.

    Args:
        rendered: as for `offset`, which found `found`.
    """
    shift_s = found.ms / 1000
    times = np.array([frame.at_s for frame in seen[1:]])
    arrived, wanted = _motion(mouth, seen), _motion(mouth, rendered)
    # A step this large is seen even after the codec has taken its share.
    expected = [rendered[int(i) + 1].at_s + shift_s for i in np.flatnonzero(wanted > 3 * mouth.still)]
    missing = [at_s for at_s in expected if not np.any(arrived[np.abs(times - at_s) < _NEAR_S] > mouth.still)]
    return len(missing) / len(expected) if expected else 0.0


def arrived(mouth: Mouth, seen: Sequence[Seen], rendered: Sequence[Seen]) -> float:
    """How many pictures moved the lips while an answer was heard, of those that should have, 0 to 1.

    Args:
        rendered: as for `offset`.
    """
    near = [frame for frame in seen if rendered[0].at_s <= frame.at_s <= rendered[-1].at_s]
    came, wanted = (int((_motion(mouth, frames) > mouth.still).sum()) for frames in (near, rendered))
    return min(came / max(wanted, 1), 1.0)


def _box(pictures: Sequence[Cells]) -> Signal:
    return np.array([picture[BOX].reshape(-1) for picture in pictures], np.float64)


def _motion(mouth: Mouth, frames: Sequence[Seen]) -> Signal:
    """By how much the opening changed from each picture to the next."""
    if len(frames) < 2:
        return np.empty(0)
    return np.abs(np.diff(_box([frame.cells for frame in frames]), axis=0) @ mouth.weights)


def _during(times: Signal, sounds: Sequence[Stretch], margin_s: float) -> npt.NDArray[np.bool_]:
    inside = np.zeros(len(times), bool)
    for sound in sounds:
        inside |= (times >= sound.start_s - margin_s) & (times <= sound.end_s + margin_s)
    return inside


def _covariance(steps: Signal) -> Signal:
    return steps.T @ steps / len(steps)


def _lips(mouth: Mouth, frames: Sequence[Seen], grid: Signal) -> Signal:
    """The mouth's opening at the times of `grid`, without what the head does."""
    times = np.array([frame.at_s for frame in frames])
    opening = _box([frame.cells for frame in frames]) @ mouth.weights
    signal = np.interp(grid, times, opening)
    width = round(_SMOOTH_S / _STEP_S) | 1
    padded = np.pad(signal, width // 2, mode="edge")
    return signal - np.convolve(padded, np.full(width, 1 / width), mode="valid")


def _correlation(a: Signal, b: Signal) -> float:
    a, b = a - a.mean(), b - b.mean()
    power = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / power if power else 0.0


def _vertex(three: Signal) -> float:
    """Where the parabola through three neighbouring values has its top, in steps from the middle one."""
    left, middle, right = three
    bend = left - 2 * middle + right
    return float(0.5 * (left - right) / bend) if bend else 0.0
