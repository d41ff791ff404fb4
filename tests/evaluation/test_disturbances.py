"""Noises of a known loudness, and an echo with a known delay, gain and room."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest

from appliance.errors import MediaError
from appliance.evaluation.disturbances import NOISE_S, RoomEcho, burst, cough, made, noises_of, of_folder, response
from appliance.evaluation.microphone import Recording
from appliance.evaluation.timeline import RATE_HZ, audible

FRAME = RATE_HZ // 100


def rms(pcm: np.ndarray) -> float:
    return float(np.sqrt(np.mean(pcm.astype(np.float64) ** 2)))


def through(echo: RoomEcho, pcm: np.ndarray) -> np.ndarray:
    """What the microphone picks up of `pcm`, 10 ms at a time."""
    out: list[np.ndarray] = []
    for start in range(0, len(pcm), FRAME):
        echo.hear(pcm[start : start + FRAME])
        out.append(echo.sound(FRAME))
    return np.concatenate(out)


def test_an_echo_comes_later_and_quieter() -> None:
    rng = np.random.default_rng(3)
    played = np.zeros(RATE_HZ, np.int16)
    played[4800:9600] = rng.normal(0, 4000, 4800)
    echo = RoomEcho(np.array([1.0]), -20, delay_s=0.15)
    picked_up = through(echo, played)
    expected = np.zeros(RATE_HZ)
    expected[4800 + 7200 : 9600 + 7200] = played[4800:9600] * 0.1
    assert np.abs(picked_up - expected).max() <= 1


def test_a_room_is_convolved_without_seams() -> None:
    rng = np.random.default_rng(4)
    played = rng.normal(0, 3000, RATE_HZ).astype(np.int16)
    room = rng.normal(0, 1, 9000) * np.exp(-np.arange(9000) / 2000)
    room /= np.sqrt(np.sum(room**2))
    picked_up = through(RoomEcho(room, -10, delay_s=0.1), played)
    expected = np.convolve(played, room)[: RATE_HZ - 4800] * 10 ** (-0.5)
    assert np.abs(picked_up[4800:] - expected).max() <= 1
    assert not picked_up[:4800].any()
    assert rms(picked_up[9600:]) == pytest.approx(rms(played) * 10 ** (-0.5), rel=0.1)


def test_a_silent_loudspeaker_is_not_heard() -> None:
    echo = RoomEcho(np.array([1.0]), -10)
    assert not echo.sound(FRAME).any()
    assert len(echo.sound(123)) == 123


def test_a_response_begins_with_its_direct_sound_and_has_unit_energy() -> None:
    pcm = np.zeros(RATE_HZ, np.int16)
    pcm[5000], pcm[5400] = 20000, 5000
    room = response(pcm)
    assert int(np.argmax(room)) == 0
    assert float(np.sum(room**2)) == pytest.approx(1)
    assert room[400] == pytest.approx(room[0] / 4)


def test_noises_are_short_and_as_loud_as_a_voice() -> None:
    long = np.zeros(5 * RATE_HZ, np.int16)
    long[3 * RATE_HZ : 3 * RATE_HZ + 9600] = 300
    noise = burst(Recording("door", long))
    assert len(noise.pcm) == round(NOISE_S * RATE_HZ)
    for pcm in (noise.pcm, cough().pcm, *(sound.pcm for sound in made().noises)):
        assert audible(pcm) is not None
        assert np.abs(pcm).max() == pytest.approx(0.2 * 32767, abs=2)


def test_a_folder_gives_noises_and_rooms(tmp_path: Path) -> None:
    for name in ("door.wav", "rir-hall.wav"):
        with wave.open(str(tmp_path / name), "wb") as out:
            out.setnchannels(1)
            out.setsampwidth(2)
            out.setframerate(16_000)
            out.writeframes((np.hanning(16_000) * 9000).astype(np.int16).tobytes())
    sounds = of_folder(tmp_path)
    assert [noise.name for noise in sounds.noises] == ["cough", "door"]
    assert len(sounds.rooms) == 1
    assert [path.name for path in noises_of(tmp_path)] == ["door.wav"]
    (tmp_path / "rir-hall.wav").unlink()
    with pytest.raises(MediaError) as caught:
        of_folder(tmp_path)
    assert caught.value.code == "not-found"
    (tmp_path / "door.wav").unlink()
    with pytest.raises(MediaError) as caught:
        noises_of(tmp_path)
    assert caught.value.code == "not-found"
