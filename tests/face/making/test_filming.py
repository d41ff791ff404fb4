"""A film of a painted face that sways, speaks and listens becomes what an avatar is made of; nets replaced."""

from __future__ import annotations

import itertools
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from appliance.errors import MediaError
from appliance.face.making import filming, rest
from appliance.face.making.landmarks import Face
from appliance.face.making.lessons import POSES
from appliance.face.making.pack import FPS
from appliance.face.making.person import Person, Seen
from tests.face.making.conftest import MIDDLE, Pixels, laid_face, painted

N, SPOKEN = 340, 170
PERIOD = 100


def sway(at: int) -> float:
    return 4 * float(np.sin(2 * np.pi * at / PERIOD))


def apart(at: int, spoken: int) -> float:
    return 4.0 + 14 * abs(float(np.sin(at / 3))) if at < spoken else 0.0


def film(path: Path, spoken: int = SPOKEN) -> Path:
    face = painted()
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = 512, 512, "yuv420p"
        stream.options = {"preset": "ultrafast", "crf": "14"}
        for at in range(N):
            picture = face.copy()
            if gap := apart(at, spoken):
                middle = (int(MIDDLE[0]), int(MIDDLE[1]) + 92)
                cv2.ellipse(picture, middle, (32, round(gap / 2)), 0, 0, 360, (30, 20, 50), -1, cv2.LINE_AA)
            shift = np.array([[1, 0, sway(at)], [0, 1, 0]], np.float64)
            picture = cv2.warpAffine(picture, shift, (512, 512), borderMode=cv2.BORDER_REPLICATE)
            frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
            frame.pts, frame.time_base = at, Fraction(1, FPS)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


class Finder:
    """Knows where the face is in each picture, because it is asked for one after the other."""

    spoken = SPOKEN

    def __init__(self, folder: Path) -> None:
        self._at = -1

    def find(self, picture: Pixels) -> list[Face]:
        self._at = max(self._at, 0)
        return [self._face()]

    def follow(self, picture: Pixels, last: Face) -> Face:
        self._at += 1
        return self._face()

    def _face(self) -> Face:
        return laid_face(apart=apart(self._at, self.spoken), middle=(MIDDLE[0] + sway(self._at), MIDDLE[1]))


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return film(tmp_path_factory.mktemp("film") / "ada.mp4")


def seen(path: Path, monkeypatch: pytest.MonkeyPatch, spoken: int = SPOKEN) -> Seen:
    monkeypatch.setattr(filming, "FaceFinder", Finder)
    monkeypatch.setattr(Finder, "spoken", spoken)
    return filming.look(path, Path(), lambda *_: None)


@pytest.fixture
def ada(source: Path, monkeypatch: pytest.MonkeyPatch) -> Person:
    shares: list[float] = []
    found = seen(source, monkeypatch)
    assert found.examination.refusal is None
    person = found.person(lambda share, _: shares.append(share))
    assert shares == sorted(shares)
    return person


def test_the_loop_is_her_own_and_begins_anew_unseen(ada: Person) -> None:
    pictures = [picture.astype(float) for picture in ada.loop]
    assert len(pictures) == ada.n_loop == len(ada.boxes)
    assert ada.n_loop >= rest.SHORTEST_S * FPS
    steps = [float(np.abs(one - other).mean()) for one, other in itertools.pairwise(pictures)]
    assert float(np.abs(pictures[-1] - pictures[0]).mean()) <= 1.5 * max(steps)
    lefts = np.array([box[0] for box in ada.boxes])
    assert np.ptp(lefts) >= 2, "the box goes with the face"
    assert (lefts % 2 == 0).all()


def test_her_own_mouths_are_learned_and_some_kept_to_measure(ada: Person) -> None:
    own = slice(POSES + POSES * filming._DRAWN, None)  # pyright: ignore[reportPrivateUsage]
    assert len(ada.lessons.mouths[own]) > 4 * len(ada.held.mouths) > 4
    jaws = ada.lessons.mouths[own][:, 0]
    assert jaws.min() < 0.3
    assert jaws.max() > 0.35
    assert ada.lessons.references.shape == (POSES, 192, 192, 3)
    closed = ada.lessons.pictures[:POSES].astype(int)
    assert np.array_equal(closed, ada.lessons.references[:, 96:]), "at rest she is as she was filmed"
    assert ada.held.frames.max() < ada.n_loop


def test_who_never_speaks_or_never_listens_is_told(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    busy = seen(source, monkeypatch, spoken=N)
    assert busy.examination.refusal is not None
    assert busy.examination.refusal.code == "no-rest"
    assert busy.examination.refusal.sentence.startswith("The person is never silent")
    with pytest.raises(MediaError) as caught:
        seen(source, monkeypatch, spoken=0).person(lambda *_: None)
    assert caught.value.code == "no-speech"
