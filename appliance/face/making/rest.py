"""A face in each picture of a film and what is heard in, the stretch in which the person listens, as a loop, out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from appliance.errors import MediaError
from appliance.face.making.pack import FPS
from appliance.face.making.still import CHIN, eyes
from appliance.face.mel import RATE_HZ

Floats = NDArray[np.float32]

STABLE = (33, 133, 362, 263, 168, 6, 197, 10, 151, 234, 454)
"""Points that do not move with the mouth: eyes' corners, bridge, forehead, temples."""
UPPER_LIP, LOWER_LIP = (81, 13, 311), (178, 14, 402)
"""Points of the inner edges of both lips."""

SHORTEST_S, LONGEST_S = 2.0, 12.0
"""Of the loop."""
FADE = 8
"""Pictures over which the loop's end becomes its beginning."""
_CLOSED = 0.035
"""Lips apart, of the distance from eyes to chin: no more is closed."""
_STILL = 0.012
"""The same, how much it may change within a third of a second at rest."""
_QUIET_DB = 30.0
"""Below the loud parts of the speech: no more is silence."""
_MARGIN = 4
"""Pictures next to speech that are left out."""
_JOINT_MAX = 0.09
"""Most that the face's place may differ where the loop begins anew, of the distance from eyes to chin."""
_LENGTH_WEIGHT = 0.004
"""What a second more is worth, in the same unit."""


@dataclass(frozen=True, slots=True)
class Loop:
    """Pictures that can be shown over and over."""

    first: int
    """Its first picture in the film."""
    frames: int
    """How many there are; FADE more follow in the film, into which the beginning is faded."""
    joint: float
    """How far the face's place differs where it begins anew, of the distance from eyes to chin."""


def apart(points: Floats) -> Floats:
    """How far the lips are apart in each picture, (n,), of the distance from eyes to chin."""
    up, low = (points[:, list(edge), :2].mean(1) for edge in (UPPER_LIP, LOWER_LIP))
    return (np.linalg.norm(low - up, axis=1) / spans(points)).astype(np.float32)


def spans(points: Floats) -> Floats:
    """The distance from eyes to chin in each picture, (n,) pixels."""
    between = np.stack([np.mean(eyes(face), axis=0) for face in points])
    return np.linalg.norm(points[:, CHIN, :2] - between, axis=1).astype(np.float32)


def at_rest(points: Floats, sound: Floats | None) -> NDArray[np.bool_]:
    """Where nothing is said and the lips are closed and still, (n,); without sound the lips alone tell."""
    gap = apart(points)
    around = np.lib.stride_tricks.sliding_window_view(np.pad(gap, FADE // 2, mode="edge"), FADE + 1)
    quiet = (gap < _CLOSED) & (np.ptp(around, axis=1) < _STILL)
    if sound is not None:
        quiet &= ~_heard(sound, len(points))
    busy = np.convolve(~quiet, np.ones(2 * _MARGIN + 1), "same") > 0
    return ~busy


def _heard(sound: Floats, n: int) -> NDArray[np.bool_]:
    each = RATE_HZ // FPS
    padded = np.pad(sound, (0, max(0, n * each - len(sound))))[: n * each]
    levels = 10 * np.log10(np.mean(padded.reshape(n, each).astype(np.float64) ** 2, axis=1) + 1e-10)
    return levels > np.percentile(levels, 95) - _QUIET_DB


def loop(points: Floats, resting: NDArray[np.bool_]) -> Loop:
    """Find the stretch that begins anew with the smallest step; a longer one is worth a larger step.

    Raises:
        MediaError: code no-rest.
    """
    found: list[tuple[float, Loop]] = []
    for start, stop in _runs(resting):
        found += _best(points[start:stop], start)
    if not found:
        message = f"the person is never silent for {SHORTEST_S + FADE / FPS:.0f} s with lips closed, and comes back"
        raise MediaError(message, code="no-rest", hint="film ten seconds in which she only listens")
    return min(found, key=lambda item: item[0])[1]


def _runs(resting: NDArray[np.bool_]) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate([[False], resting, [False]]).astype(int)))
    return [(int(start), int(stop)) for start, stop in edges.reshape(-1, 2)]


def _best(points: Floats, start: int) -> list[tuple[float, Loop]]:
    """The best loop of one stretch, with its cost; none where it is too short or never comes back."""
    shortest, longest = round(SHORTEST_S * FPS), round(LONGEST_S * FPS)
    last = len(points) - FADE
    if last <= shortest:
        return []
    place = points[:, list(STABLE), :2].reshape(len(points), -1) / float(np.median(spans(points)))
    # Where it is and where it is going to: the mean over the fade.
    ahead = np.stack([place[at : at + FADE].mean(0) for at in range(last)])
    best: list[tuple[float, Loop]] = []
    for first in range(last - shortest):
        ends = np.arange(first + shortest, min(first + longest, last))
        if not len(ends):
            continue
        steps = np.abs(ahead[ends] - ahead[first]).max(1) + np.abs(place[ends] - place[first]).max(1)
        costs = steps - _LENGTH_WEIGHT * (ends - first) / FPS
        at = int(costs.argmin())
        if steps[at] <= 2 * _JOINT_MAX:
            candidate = Loop(start + first, int(ends[at] - first), round(float(steps[at]) / 2, 4))
            best.append((float(costs[at]), candidate))
    return sorted(best, key=lambda item: item[0])[:1]
