"""An encoder's features around each picture, made in one run for pictures that are close to each other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from appliance.errors import AvatarError
from appliance.face.drive import FromSpeech
from appliance.face.encoder import AudioEncoder
from appliance.face.stretches import AFTER, BEFORE, ENOUGH, loudness
from tests.models import generate, strangers

RATE_HZ, FPS = 16_000, 25


class Counted(AudioEncoder):
    """Notes what it was given."""

    def encode(self, pcm: np.ndarray) -> np.ndarray:
        self.given = [*getattr(self, "given", []), len(pcm)]
        return super().encode(pcm)


def speech(seconds: float) -> np.ndarray:
    return (np.random.default_rng(4).normal(size=round(seconds * RATE_HZ)) * 3000).astype(np.int16)


def stretches(pcm: np.ndarray, *, pieces: int = 1, fps: int = FPS) -> np.ndarray:
    drive = FromSpeech(RATE_HZ, fps=fps)
    return np.concatenate([*(drive.push(piece) for piece in np.array_split(pcm, pieces)), drive.settle()])


@pytest.mark.parametrize("fps", [25, 30])
@pytest.mark.parametrize("seconds", [0.01, 0.5, 2.03])
def test_every_picture_has_the_sound_around_it(seconds: float, fps: int) -> None:
    pcm = speech(seconds)
    rows = stretches(pcm, fps=fps)
    assert rows.shape == (np.ceil(len(pcm) * fps / RATE_HZ), BEFORE + AFTER)
    silent = np.pad(pcm.astype(np.float32) / 32768, (BEFORE, AFTER + BEFORE))
    for index, row in enumerate(rows):
        start = index * RATE_HZ // fps
        assert np.array_equal(row, silent[start : start + BEFORE + AFTER])
    for index, (row, whole) in enumerate(zip(stretches(pcm, pieces=7, fps=fps), rows, strict=True)):
        known = BEFORE + min(AFTER, ENOUGH + index * RATE_HZ // fps)
        assert np.array_equal(row[:known], whole[:known]), "what comes in pieces is waited for"


def test_close_pictures_share_a_run_and_get_the_rows_around_them(stranger_files: dict[str, Path]) -> None:
    encoder = Counted(stranger_files["hubert"])
    pcm = speech(1.0)
    rows = stretches(pcm)
    features = encoder.windows(rows, np.arange(25) / FPS, 16)
    assert features.shape == (25, 16, 1024)
    assert encoder.given == [BEFORE + ENOUGH + 24 * 640]
    silent = np.pad(pcm.astype(np.float32) / 32768, (BEFORE, ENOUGH))
    whole = encoder.encode(silent[: BEFORE + ENOUGH + 24 * 640])
    for index, window in enumerate(features):
        middle = BEFORE // 320 + 2 * index
        assert np.array_equal(window, whole[middle - 8 : middle + 8])


def test_at_half_the_rate_and_after_a_pause(stranger_files: dict[str, Path]) -> None:
    encoder = Counted(stranger_files["hubert"])
    rows = stretches(speech(2.0))
    chosen = np.array([0, 2, 4, 40, 42])
    features = encoder.windows(rows[chosen], chosen / FPS, 32)
    assert features.shape == (5, 32, 1024)
    assert encoder.given == [BEFORE + ENOUGH + 4 * 640, BEFORE + ENOUGH + 2 * 640]


def test_silence_has_no_loudness() -> None:
    rows = stretches(np.concatenate([speech(0.6), np.zeros(RATE_HZ, np.int16)]))
    strength = loudness(rows)
    assert strength[:10].min() == 1
    assert strength[-15:].max() == 0


def test_what_is_no_encoder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AvatarError, match="does not take a waveform") as caught:
        AudioEncoder(generate.HERE / "grey_mouth.onnx")
    assert caught.value.code == "incompatible"
    small = AudioEncoder(strangers.encoder(tmp_path / "base.onnx", values=768))
    with pytest.raises(AvatarError, match=r"\(1, 3, 768\) of 1200 samples, not \(1, 3, 1024\)") as caught:
        small.encode(np.zeros(1200, np.float32))
    assert caught.value.code == "incompatible"
