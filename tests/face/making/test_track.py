"""A face is followed through a film; what no avatar can be made of is told with the picture that shows it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from appliance.face.making.landmarks import Face
from appliance.face.making.track import Track, watch
from tests.face.making.conftest import Pixels, laid_face, painted

N = 120
PICTURE = painted()


class Finder:
    """Finds what a test lays into each picture, whose number is in its first pixel."""

    def __init__(self, faces: Callable[[int], list[Face]]) -> None:
        self._faces = faces
        self.looked = 0

    def find(self, picture: Pixels) -> list[Face]:
        self.looked += 1
        return self._faces(int(picture[0, 0, 0]))

    def follow(self, picture: Pixels, last: Face) -> Face | None:
        faces = self._faces(int(picture[0, 0, 0]))
        return faces[0] if faces else None


def shown(faces: Callable[[int], list[Face]], pictures: int = N) -> tuple[Track, Finder]:
    finder = Finder(faces)

    def film() -> list[Pixels]:
        rows: list[Pixels] = []
        for at in range(pictures):
            picture = PICTURE.copy()
            picture[0, 0] = at
            rows.append(picture)
        return rows

    return watch(film(), pictures, finder, lambda _: None), finder  # type: ignore[arg-type]


def at(x: float = 256.0, scale: float = 1.0) -> Face:
    return laid_face(middle=(x, 230.0), scale=scale)


def test_a_face_is_looked_for_once_a_second_and_followed_between() -> None:
    track, finder = shown(lambda number: [at(256 + 10 * np.sin(number / 9))])
    assert track.examination.refusal is None
    assert track.points.shape == (N, 468, 3)
    assert finder.looked == 5
    assert np.ptp(track.points[:, 33, 0]) == pytest.approx(20, abs=1)
    assert track.shown is not None


def test_a_moment_without_a_face_is_bridged() -> None:
    track, _ = shown(lambda number: [] if 40 <= number < 50 else [at(256 + number / 4)])
    assert track.examination.refusal is None
    assert track.points[45, 33, 0] == pytest.approx(track.points[39, 33, 0] + 1.5, abs=0.2)


@pytest.mark.parametrize(
    ("faces", "code", "words"),
    [
        (lambda _: [], "no-face", "No face"),
        (lambda number: [at()] if number < 60 else [], "face-lost", "From 2.4 s"),
        (lambda number: [at(), at(120.0)] if number >= 50 else [at()], "several-faces", "2 faces at 2.0 s"),
        (lambda number: [at(256 + 120 * (number >= 70))], "video-cut", "At 2.8 s"),
        (lambda number: [at(scale=1.0 + 0.5 * (number >= 30))], "video-cut", "At 1.2 s"),
    ],
)
def test_what_no_avatar_can_be_made_of_is_told(faces: Callable[[int], list[Face]], code: str, words: str) -> None:
    track, _ = shown(faces)
    refusal = track.examination.refusal
    assert refusal is not None
    assert refusal.code == code
    assert words in refusal.sentence
    assert track.shown is not None
    assert len(track.points) == 0


def test_what_is_wrong_all_along_is_wrong_with_the_film() -> None:
    dark = np.zeros_like(PICTURE)
    pictures = [dark.copy() for _ in range(60)]
    track = watch(pictures, 60, Finder(lambda _: [at()]), lambda _: None)  # type: ignore[arg-type]
    assert track.examination.refusal is not None
    assert track.examination.refusal.code in {"too-dark", "blurred"}


def test_no_pictures_no_face() -> None:
    track = watch([], 10, Finder(lambda _: []), lambda _: None)  # type: ignore[arg-type]
    assert track.examination.refusal is not None
    assert track.examination.refusal.code == "no-face"
