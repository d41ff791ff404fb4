"""A recording becomes a film of the shipped face."""

from __future__ import annotations

import wave
from pathlib import Path

import av
import numpy as np
import pytest

from appliance.face.training import film

SHIPPED = Path(__file__).parents[3] / "models" / "face"


@pytest.mark.slow
def test_a_recording_becomes_a_film(tmp_path: Path) -> None:
    recording, out = tmp_path / "in.wav", tmp_path / "out.mp4"
    with wave.open(str(recording), "wb") as target:
        target.setnchannels(1)
        target.setsampwidth(2)
        target.setframerate(16_000)
        tone = 9000 * np.sin(np.arange(32_000) * 0.06) * (np.arange(32_000) % 8000 < 4000)
        target.writeframes(tone.astype(np.int16).tobytes())
    film.main(SHIPPED / "talking-face.onnx", SHIPPED / "default.avatar", recording, out)
    with av.open(str(out)) as made:
        assert {stream.codec_context.name for stream in made.streams} == {"h264", "aac"}
        pictures = [frame.to_ndarray(format="gray") for frame in made.decode(video=0)]
    assert abs(len(pictures) - 50) <= 1
    assert pictures[0].shape == (512, 512)
    assert np.abs(pictures[10].astype(int) - pictures[20]).mean() > 0.05
