"""Lips of a made face: moved by known amounts at known times, with a drifting head, blinking eyes and a noisy codec."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from appliance.evaluation.measures import Stretch
from appliance.evaluation.mouth import arrived, closed_s, find_mouth, first_moved_s, frozen, offset
from appliance.evaluation.timeline import GRID, Cells, Seen

FPS = 25
SPEECH = [Stretch(4.0, 8.0), Stretch(12.0, 17.0)]
END_S = 20.0


def opening(times: npt.NDArray[np.float64], seed: int = 3) -> npt.NDArray[np.float64]:
    """How far the mouth is open, 0 to 1: syllables of uneven length while speech is heard, closed otherwise."""
    rng = np.random.default_rng(seed)
    knots = np.cumsum(rng.uniform(0.05, 0.2, 400))
    values = rng.uniform(0.4, 1, len(knots)) * (np.arange(len(knots)) % 2)
    inside = np.zeros(len(times), bool)
    for stretch in SPEECH:
        inside |= (times >= stretch.start_s) & (times < stretch.end_s)
    return np.where(inside, np.interp(times, knots, values), 0.0)


def picture(mouth: float, at_s: float, rng: np.random.Generator) -> Cells:
    cells = np.full((GRID, GRID), 150.0)
    nod = 2 * np.sin(at_s * 1.1)
    cells[5:9, 10:22] = 60 if rng.uniform() < 0.03 else 110  # a blink
    cells += np.linspace(-4, 4, GRID)[:, None] * nod / 2
    cells[20:23, 13:19] -= 70 * mouth
    return np.clip(cells + rng.normal(0, 1.0, cells.shape), 0, 255).astype(np.uint8)


def face(delay_s: float = 0.0, *, start_s: float = 0.0, jitter_s: float = 0.0, seed: int = 1) -> list[Seen]:
    """Pictures that arrive `delay_s` after the sound they belong to."""
    rng = np.random.default_rng(seed)
    made = np.arange(start_s, END_S, 1 / FPS)
    arrive = made + delay_s + rng.uniform(0, 1, len(made)) * jitter_s
    return [Seen(float(t), picture(m, t, rng)) for t, m in zip(np.sort(arrive), opening(made), strict=True)]


def reference(stretch: Stretch, seed: int = 9) -> list[Seen]:
    rng = np.random.default_rng(seed)
    made = np.arange(stretch.start_s, stretch.end_s, 1 / FPS)
    return [Seen(float(t), picture(m, t, rng)) for t, m in zip(made, opening(made), strict=True)]


@pytest.mark.parametrize("delay_s", [-0.12, -0.033, 0.0, 0.017, 0.08, 0.25])
@pytest.mark.parametrize("stretch", SPEECH)
def test_known_offsets_are_found_to_five_milliseconds(delay_s: float, stretch: Stretch) -> None:
    seen = face(delay_s)
    mouth = find_mouth(seen, SPEECH)
    assert mouth is not None
    found = offset(mouth, seen, reference(stretch))
    assert found is not None
    assert found.ms == pytest.approx(delay_s * 1000, abs=5)
    assert found.correlation > 0.9


def test_uneven_arrival_shifts_the_offset_by_its_mean() -> None:
    seen = face(0.04, jitter_s=0.03)
    mouth = find_mouth(seen, SPEECH)
    assert mouth is not None
    found = offset(mouth, seen, reference(SPEECH[0]))
    assert found is not None
    assert found.ms == pytest.approx(55, abs=8)


def test_held_pictures_are_missed_movements() -> None:
    seen = face(0.05)
    mouth = find_mouth(seen, SPEECH)
    assert mouth is not None
    rendered = reference(SPEECH[0])
    found = offset(mouth, seen, rendered)
    assert found is not None
    assert frozen(mouth, seen, rendered, found) < 0.03
    first = next(frame for frame in seen if frame.at_s > 4.05)
    held = [Seen(f.at_s, first.cells) if 4.05 < f.at_s < 6.05 else f for f in seen]
    found = offset(mouth, held, rendered)
    assert found is not None
    assert found.ms == pytest.approx(50, abs=10)
    assert frozen(mouth, held, rendered, found) == pytest.approx(0.5, abs=0.12)


def held(seen: list[Seen], every: int) -> list[Seen]:
    """As a machine shows a face that draws only one in `every` pictures."""
    return [Seen(frame.at_s, seen[n - n % every].cells) for n, frame in enumerate(seen)]


@pytest.mark.parametrize(("every", "share"), [(1, 1.0), (2, 0.5), (5, 0.2)])
def test_pictures_that_came_are_counted(every: int, share: float) -> None:
    seen = face(0.05)
    mouth = find_mouth(seen, SPEECH)
    assert mouth is not None
    assert arrived(mouth, held(seen, every), reference(SPEECH[0])) == pytest.approx(share, abs=0.12)
    assert arrived(mouth, [], reference(SPEECH[0])) == 0


def test_lips_of_other_words_give_no_offset() -> None:
    seen = face()
    mouth = find_mouth(seen, SPEECH)
    assert mouth is not None
    rng = np.random.default_rng(5)
    times = np.arange(4.0, 8.0, 1 / FPS)
    others = [Seen(float(t), picture(m, t, rng)) for t, m in zip(times, opening(times, seed=77), strict=True)]
    assert offset(mouth, seen, others) is None


def test_a_picture_that_ignores_the_voice_has_no_mouth() -> None:
    rng = np.random.default_rng(2)
    times = np.arange(0, END_S, 1 / FPS)
    bar = [Seen(float(t), picture((i % 12) / 12, t, rng)) for i, t in enumerate(times)]
    assert find_mouth(bar, SPEECH) is None
    assert find_mouth([], SPEECH) is None


def test_the_first_moved_lip_is_found_within_two_frames() -> None:
    seen = face(0.06)
    mouth = find_mouth(seen, SPEECH)
    assert mouth is not None
    moved_s = first_moved_s(mouth, seen, 9.0)
    assert moved_s is not None
    expected = 12.0 + float(np.flatnonzero(opening(np.arange(12.0, 13.0, 1 / FPS)) > 0.1)[0]) / FPS + 0.06
    assert moved_s == pytest.approx(expected, abs=2 / FPS)


def test_a_still_mouth_never_moves() -> None:
    seen = face()
    mouth = find_mouth(seen, SPEECH)
    assert mouth is not None
    assert first_moved_s(mouth, seen, 17.3) is None
    assert first_moved_s(mouth, seen, END_S + 1) is None


def test_the_mouth_is_closed_from_the_first_picture_on_that_stays_like_a_listening_one() -> None:
    seen = face(0.06)
    mouth = find_mouth(seen, SPEECH)
    assert mouth is not None
    made = np.arange(0.0, END_S, 1 / FPS)
    opened = np.flatnonzero((opening(made) > 0.07) & (made < 8.5))
    expected = float(made[opened[-1]]) + 1 / FPS + 0.06
    found = closed_s(mouth, seen, SPEECH, 7.0, 11.5)
    assert found == pytest.approx(expected, abs=1.5 / FPS)
    assert closed_s(mouth, seen, SPEECH, 9.0, 11.5) == pytest.approx(9.0, abs=1.5 / FPS), "it was closed already"


def test_a_mouth_that_stays_open_does_not_close() -> None:
    seen = face()
    mouth = find_mouth(seen, SPEECH)
    assert mouth is not None
    rng = np.random.default_rng(4)
    held = [Seen(f.at_s, picture(0.8, f.at_s, rng)) if 7.5 < f.at_s < 9.5 else f for f in seen]
    assert closed_s(mouth, held, SPEECH, 7.0, 9.4) is None
    found = closed_s(mouth, held, SPEECH, 7.0, 11.5)
    assert found == pytest.approx(9.5, abs=1.5 / FPS)
