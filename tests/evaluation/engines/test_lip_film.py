"""The film beside the lips: as many pictures as were drawn, the face as it was, a cursor that goes with it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import av
import numpy as np
import pytest

from appliance.errors import MediaError
from appliance.evaluation.engines.lip_film import LipFilm

SIZE, FPS, RATE_HZ = (96, 256), 25, 16_000


@dataclass
class Measured:
    text: str = "a sentence that is long enough for more than one line of the text above the curves, and more"
    wanted: list[float] = field(default_factory=lambda: [0.0] * 5 + [0.5, 0.9, 0.3, 0.0, 0.0])
    read: list[float] = field(default_factory=lambda: [-0.1] * 5 + [0.4, 1.2, 0.3, 0.0, 0.0])
    offset_ms: float = 12.0


def grey(level: int) -> bytes:
    return bytes([level]) * (SIZE[0] * SIZE[1]) + bytes([128]) * (SIZE[0] * SIZE[1] // 2)


def test_it_shows_every_picture_of_every_utterance(tmp_path: Path) -> None:
    out = tmp_path / "lips.mp4"
    pictures = [grey(40 + 10 * index) for index in range(10)]
    with LipFilm(out, SIZE, FPS, 0.09) as film:
        for _ in range(2):
            film.add(pictures, (np.zeros(6000, np.int16), RATE_HZ), Measured())
    with av.open(str(out)) as container:
        frames = [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]
    assert len(frames) == 20
    height, width = frames[0].shape[:2]
    assert height == SIZE[1]
    assert width > SIZE[0] + 400
    levels = [float(frame[:, : SIZE[0]].mean()) for frame in frames]
    assert np.all(np.diff(levels[:10]) > 5), "the face is shown as it was drawn"
    cursors = [int(frame[125:165, SIZE[0] + 4 :].mean((0, 2)).argmin()) for frame in frames[:10]]
    assert np.all(np.diff(cursors) > 20), "the cursor goes on with it"


def test_a_film_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with (
        pytest.raises(MediaError) as caught,
        LipFilm(tmp_path / "nowhere" / "lips.mp4", SIZE, FPS, 0.09) as film,
    ):
        film.add([grey(50)] * 10, (np.zeros(6400, np.int16), RATE_HZ), Measured())
    assert caught.value.code == "unwritable"
