"""Lips are read off pixels as far apart as they were drawn, wherever the head is."""

from __future__ import annotations

import numpy as np
import pytest

from appliance.face.ruler import N_WEIGHTS, Ruler

SIZE = 96


def face(gap: float, shift: int = 0, *, size: int = SIZE) -> np.ndarray:
    """A grey face with a dark slot as high as its lips are apart."""
    picture = np.full((size, size, 3), 170, np.uint8)
    y, x = np.mgrid[0:size, 0:size] / size
    inside = (np.abs(x - 0.5) < 0.15) & (np.abs(y - 0.68 - shift / size) < 0.09 * gap)
    picture[inside] = (40, 30, 60)
    return picture


def many(gaps: np.ndarray, *, size: int = SIZE) -> tuple[np.ndarray, np.ndarray]:
    shifts = np.arange(len(gaps)) % 3
    faces = np.stack([face(gap, shift, size=size) for gap, shift in zip(gaps, shifts, strict=True)])
    return faces, np.stack([face(0, shift, size=size) for shift in shifts])


GAPS = np.random.default_rng(1).random(200).astype(np.float32)


def test_it_reads_what_was_drawn() -> None:
    ruler = Ruler.fit(*many(GAPS), GAPS)
    assert ruler.weights.shape == (N_WEIGHTS,)
    other = np.random.default_rng(2).random(50).astype(np.float32)
    found = ruler.read(*many(other))
    assert np.corrcoef(found, other)[0, 1] > 0.97
    assert np.abs(found - other).mean() < 0.08


def test_a_face_at_rest_reads_nothing() -> None:
    rests = many(GAPS[:5])[1]
    assert Ruler.fit(*many(GAPS), GAPS).read(rests, rests).tolist() == [0] * 5


def test_faces_of_another_size_read_the_same() -> None:
    ruler = Ruler.fit(*many(GAPS), GAPS)
    small, large = (ruler.read(*many(GAPS[:20], size=size)) for size in (SIZE, 2 * SIZE))
    assert small == pytest.approx(large, abs=0.12)
