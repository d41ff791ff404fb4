"""A visit's figures: a recorded timeline goes in, times in milliseconds come out. Nothing here waits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from appliance.evaluation.timeline import RATE_HZ, Heard, Seen, Spoken, audible

PAUSE_S = 0.3
"""Silence that ends a stretch of sound: longer than any pause inside a sentence's words."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Sound of the avatar without a pause in it."""

    start_s: float
    """First audible sample, seconds."""
    end_s: float
    """Last audible sample, seconds."""


@dataclass(frozen=True, slots=True)
class Spread:
    """How a figure is spread over turns."""

    p50: float
    """Median."""
    p95: float
    """95th percentile, interpolated."""
    max: float
    """Largest."""


def stretches(heard: Sequence[Heard], pause_s: float = PAUSE_S) -> list[Stretch]:
    """What was audible (-45 dBFS and above), cut wherever it was silent for `pause_s`."""
    found: list[Stretch] = []
    for frame in heard:
        span = audible(frame.pcm)
        if span is None:
            continue
        start_s, end_s = (frame.at_s + index / RATE_HZ for index in span)
        if found and start_s - found[-1].end_s < pause_s:
            found[-1] = Stretch(found[-1].start_s, max(end_s, found[-1].end_s))
        else:
            found.append(Stretch(start_s, end_s))
    return found


def answer(sounds: Sequence[Stretch], question: Spoken) -> Stretch | None:
    """The first stretch that begins after the question's last audible sample; None when there is none, or when the
    avatar was speaking at that moment and so spoke over the visitor."""
    for sound in sounds:
        if sound.end_s < question.last_s:
            continue
        return sound if sound.start_s > question.last_s else None
    return None


def spoke_over(sounds: Sequence[Stretch], question: Spoken) -> bool:
    """Whether the avatar was audible while the question was asked."""
    return any(sound.start_s <= question.last_s and sound.end_s >= question.first_s for sound in sounds)


def mouth_to_ear_ms(sounds: Sequence[Stretch], question: Spoken) -> float | None:
    """From the last audible sample of a question to the first of its answer."""
    sound = answer(sounds, question)
    return None if sound is None else (sound.start_s - question.last_s) * 1000


def barge_in_ms(sounds: Sequence[Stretch], interruption: Spoken) -> float | None:
    """From the first audible sample of an interruption to the last of the speech it interrupts; None when the avatar
    was not speaking then, so that nothing was interrupted."""
    for sound in sounds:
        if sound.start_s <= interruption.first_s <= sound.end_s:
            return (sound.end_s - interruption.first_s) * 1000
    return None


def silence_ms(sounds: Sequence[Stretch], interruption: Spoken) -> float | None:
    """From the first audible sample of an interruption to the last of all that the avatar said before the visitor had
    finished: a voice that stops and goes on has not fallen silent. None when the avatar was not speaking."""
    if barge_in_ms(sounds, interruption) is None:
        return None
    ends = [sound.end_s for sound in sounds if interruption.first_s <= sound.end_s and _begins(sound, interruption)]
    return (max(ends) - interruption.first_s) * 1000


def _begins(sound: Stretch, before_end_of: Spoken) -> bool:
    return sound.start_s <= before_end_of.last_s


def heard_in_pause(sounds: Sequence[Stretch], question: Spoken) -> bool:
    """Whether an answer was heard from the pause inside a question on, before the question was over: what begins as
    the visitor goes on speaking was begun in the pause."""
    assert question.pause_s is not None
    return any(sound.start_s <= question.last_s and sound.end_s >= question.pause_s[0] for sound in sounds)


def frames_per_second(seen: Sequence[Seen], *, until_s: float) -> list[int]:
    """Pictures that arrived in each whole second after the first one of the track's own, up to `until_s`."""
    if not seen:
        return []
    return full_seconds(seen, seen[0].at_s + 1.0, until_s)


def full_seconds(seen: Sequence[Seen], from_s: float, until_s: float) -> list[int]:
    """Pictures that arrived in each whole second of a time."""
    edges = from_s + np.arange(max(int(until_s - from_s), 0) + 1)
    return [int(count) for count in np.diff(np.searchsorted([frame.at_s for frame in seen], edges))]


def slope(points: Sequence[tuple[float, float]]) -> float | None:
    """How much y rises with each x: the median of the slopes between all pairs, which outliers hardly move (Theil-Sen).

    Args:
        points: (x, y), each x once.
    Returns:
        None for fewer than two points.
    """
    rises = [(b[1] - a[1]) / (b[0] - a[0]) for i, a in enumerate(points) for b in points[i + 1 :]]
    return float(np.median(rises)) if rises else None


def spread(values: Sequence[float]) -> Spread | None:
    """None without values."""
    if not values:
        return None
    p50, p95 = np.percentile(values, (50, 95))
    return Spread(float(p50), float(p95), max(values))
