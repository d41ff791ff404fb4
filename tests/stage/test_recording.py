"""Films and recordings: what is written can be read, and bad input is told in words."""

from __future__ import annotations

import wave
from pathlib import Path

import av
import numpy as np
import pytest

from appliance.errors import MediaError
from appliance.stage.recording import GENERATED, FilmWriter, read_speech

RATE = 24_000


def tone(seconds: float, rate: int = RATE) -> np.ndarray:
    return (8000 * np.sin(2 * np.pi * 440 * np.arange(round(seconds * rate)) / rate)).astype(np.int16)


def write_wav(path: Path, pcm: np.ndarray, rate: int, channels: int = 1) -> Path:
    with wave.open(str(path), "wb") as out:
        out.setnchannels(channels)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(np.repeat(pcm[:, None], channels, axis=1).tobytes())
    return path


def test_a_film_has_h264_and_aac_of_equal_length(tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    sound = tone(2.0).reshape(50, -1)
    with FilmWriter(path, size=(64, 48), fps=25, rate_hz=RATE) as film:
        for index in range(50):
            film.add(bytes([index * 5 % 256]) * (64 * 48 * 3 // 2), sound[index])
    with av.open(str(path)) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        assert (video.codec_context.name, audio.codec_context.name) == ("h264", "aac")
        assert (video.width, video.height, video.frames, int(video.average_rate)) == (64, 48, 50, 25)
        lengths = [float(stream.duration * stream.time_base) for stream in (video, audio)]
        assert container.metadata["comment"] == GENERATED, "it says that it is no recording of a person"
    assert abs(lengths[0] - lengths[1]) <= 0.04, lengths


def test_a_failed_film_leaves_no_file(tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    with pytest.raises(RuntimeError, match="stop"), FilmWriter(path, size=(16, 16), fps=25, rate_hz=RATE):
        raise RuntimeError("stop")
    assert not path.exists()


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(MediaError) as told:
        FilmWriter(tmp_path / "no" / "film.mp4", size=(16, 16), fps=25, rate_hz=RATE)
    assert told.value.code == "unwritable"


@pytest.mark.parametrize(("rate", "channels"), [(8000, 1), (44_100, 2), (48_000, 6)])
def test_any_rate_and_channel_count_is_read(tmp_path: Path, rate: int, channels: int) -> None:
    path = write_wav(tmp_path / "speech.wav", tone(1.0, rate), rate, channels)
    pcm = read_speech(path, rate_hz=16_000, longest_s=10)
    assert abs(len(pcm) - 16_000) <= 32
    spectrum = np.abs(np.fft.rfft(pcm.astype(float)))
    assert abs(np.argmax(spectrum) * 16_000 / len(pcm) - 440) < 3


@pytest.mark.parametrize("codec", ["mp3", "m4a"])
def test_compressed_recordings_are_read(tmp_path: Path, codec: str) -> None:
    path = tmp_path / f"speech.{codec}"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libmp3lame" if codec == "mp3" else "aac", rate=44_100, layout="mono")
        frame = av.AudioFrame.from_ndarray(tone(1.0, 44_100)[None, :], format="s16", layout="mono")
        frame.sample_rate = 44_100
        resampler = av.AudioResampler(format=stream.codec_context.format, layout="mono", rate=44_100)
        for piece in resampler.resample(frame):
            container.mux(stream.encode(piece))
        container.mux(stream.encode(None))
    assert abs(len(read_speech(path, rate_hz=16_000, longest_s=10)) - 16_000) < 2000


def test_bad_recordings_are_told_apart(tmp_path: Path) -> None:
    text = tmp_path / "text.wav"
    text.write_text("this is not sound")
    hollow = tmp_path / "hollow.wav"
    hollow.write_bytes(b"")
    empty = write_wav(tmp_path / "empty.wav", np.empty(0, np.int16), 16_000)
    long = write_wav(tmp_path / "long.wav", tone(3.0, 8000), 8000)
    for path, code in ((text, "not-audio"), (hollow, "not-audio"), (empty, "empty"), (tmp_path / "none", "not-found")):
        with pytest.raises(MediaError) as told:
            read_speech(path, rate_hz=16_000, longest_s=10)
        assert told.value.code == code
        assert told.value.hint
    with pytest.raises(MediaError) as told:
        read_speech(long, rate_hz=16_000, longest_s=2)
    assert told.value.code == "too-long"
