"""Films are shown upright and at 25 pictures a second, whatever they are; those of no use are told so."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from appliance.errors import MediaError
from appliance.face.making import video
from appliance.face.making.pack import FPS

SIZE = (64, 48)


def film(
    path: Path, times_s: Sequence[float], *, size: tuple[int, int] = SIZE, rotation: int = 0, tone_s: float = 0.0
) -> Path:
    """A film whose picture at each time is as bright as its number, its upper left corner white."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=1000)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        stream.time_base = Fraction(1, 1000)
        stream.options = {"preset": "ultrafast", "crf": "0", "bf": "0"}
        if rotation:
            stream.set_display_rotation(rotation)
        sound = container.add_stream("aac", rate=16_000, layout="mono") if tone_s else None
        for number, at_s in enumerate(times_s):
            picture = np.full((size[1], size[0], 3), number % 200, np.uint8)
            picture[: size[1] // 3, : size[0] // 3] = 255
            frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
            frame.pts, frame.time_base = round(at_s * 1000), Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
        if sound is not None:
            tone = np.sin(2 * np.pi * 300 * np.arange(round(tone_s * 16_000)) / 16_000).astype(np.float32)
            heard = av.AudioFrame.from_ndarray(0.5 * tone[None], format="fltp", layout="mono")
            heard.sample_rate, heard.pts = 16_000, 0
            container.mux(sound.encode(heard))
            container.mux(sound.encode())
    return path


def numbers(path: Path) -> list[int]:
    """The number that each picture shows, to one; on its way through YUV it lost three levels."""
    return [round(float(picture[-8:, -8:].mean())) + 3 for picture in video.pictures(path)]


def test_a_film_at_25_is_shown_as_it_is(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4", np.arange(255) / FPS)
    found = numbers(path)
    assert len(found) == 255
    assert np.abs(np.array(found) - np.arange(255) % 200)[4:196].max() <= 1
    told = video.shape(path)
    assert (told.width, told.height, told.sound) == (64, 48, False)
    assert told.seconds == pytest.approx(10.2, abs=0.1)


@pytest.mark.parametrize("rate", [10, 30, 60])
def test_other_rates_are_brought_to_25(tmp_path: Path, rate: int) -> None:
    found = np.array(numbers(film(tmp_path / "a.mp4", np.arange(11 * rate) / rate)))
    assert len(found) == pytest.approx(11 * FPS, abs=3)
    at = np.arange(20, 70)
    assert np.abs(found[at] - at * rate / FPS).max() <= 2 + rate / FPS


def test_a_film_without_a_steady_rate_keeps_its_times(tmp_path: Path) -> None:
    pick = np.random.default_rng(2)
    times_s = np.cumsum(pick.choice([0.02, 0.04, 0.13], 180))
    times_s -= times_s[0]
    found = numbers(film(tmp_path / "a.mp4", times_s))
    for at in range(0, len(found) - 5, 7):
        due = int(np.searchsorted(times_s, at / FPS + 0.5 / FPS) - 1)
        assert abs(found[at] - due) <= 4


def test_a_turned_film_is_shown_upright(tmp_path: Path) -> None:
    for rotation, corner in ((90, "lower left"), (-90, "upper right"), (180, "lower right")):
        path = film(tmp_path / "a.mp4", np.arange(255) / FPS, rotation=rotation)
        first = next(iter(video.pictures(path)))
        assert first.shape[:2] == ((48, 64) if rotation == 180 else (64, 48))
        corners = {
            "upper left": first[4, 4],
            "upper right": first[4, -4],
            "lower left": first[-4, 4],
            "lower right": first[-4, -4],
        }
        assert max(corners, key=lambda name: int(corners[name][0])) == corner


def test_large_pictures_are_made_smaller(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4", np.arange(11) / 1.0 * 0.4 + np.arange(11) * 0.6, size=(2560, 64))
    assert video.shape(path).width == video.WORKING_PX


def test_sound_comes_at_16_khz(tmp_path: Path) -> None:
    heard = video.sound(film(tmp_path / "a.mp4", np.arange(255) / FPS, tone_s=10.2))
    assert heard is not None
    assert len(heard) == pytest.approx(10.2 * 16_000, abs=3000)
    assert np.abs(heard).max() == pytest.approx(0.5, abs=0.1)
    assert video.sound(film(tmp_path / "b.mp4", np.arange(255) / FPS)) is None


def _short(path: Path) -> Path:
    return film(path, np.arange(100) / FPS)


def _long(path: Path) -> Path:
    return film(path, np.arange(0, 7200, 0.4))


def _stalling(path: Path) -> Path:
    return film(path, [*np.arange(150) / FPS, *(7.5 + np.arange(150) / FPS)])


def _sound_alone(path: Path) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=16_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 16_000), np.float32), format="fltp", layout="mono")
        frame.sample_rate, frame.pts = 16_000, 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def _words(path: Path) -> Path:
    path.write_text("no film")
    return path


def _truncated(path: Path) -> Path:
    whole = film(path, np.arange(300) / FPS).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    return path


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (_short, "video-too-short"),
        (_long, "video-too-long"),
        (_stalling, "video-stalls"),
        (_sound_alone, "no-pictures"),
        (_words, "not-a-video"),
        (_truncated, "not-a-video"),
        (lambda path: path, "not-found"),
    ],
)
def test_what_is_no_film_of_use_is_told(tmp_path: Path, make: object, code: str) -> None:
    assert callable(make)
    path = make(tmp_path / "a.mp4")
    with pytest.raises(MediaError) as caught:
        video.shape(path)
        for _ in video.pictures(path):
            pass
    assert caught.value.code == code
    assert caught.value.hint
