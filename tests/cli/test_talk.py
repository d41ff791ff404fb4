"""`appliance talk` and `say`: the whole chain with the real models, and recordings that cannot be answered."""

from __future__ import annotations

import json
import re
import wave
from itertools import pairwise
from pathlib import Path

import av
import jiwer
import numpy as np
import pytest

from appliance.cli.main import main


def wav(path: Path, pcm: np.ndarray, rate: int = 16_000) -> Path:
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(pcm.astype(np.int16).tobytes())
    return path


def plain(text: str) -> str:
    return " ".join(re.findall(r"[a-z']+", text.lower()))


def hear(film: Path, models: Path) -> str:
    """What Whisper, called in its ordinary way, hears in a film."""
    from faster_whisper import WhisperModel, decode_audio

    whisper = WhisperModel(str(models / "ears"), device="cpu", compute_type="int8", cpu_threads=2)
    segments, _ = whisper.transcribe(decode_audio(str(film)), language="en", beam_size=5)
    return " ".join(segment.text for segment in segments)


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_a_question_is_heard_answered_and_filmed(
    data: Path, models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.mp4"
    assert main(["talk", str(data / "speech" / "jfk.wav"), "-o", str(out), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert plain(told["heard"]) == plain(
        "and so my fellow americans ask not what your country can do for you ask what you can do for your country"
    )
    assert set(told) == {"heard", "reply", "timings_ms", "video", "audio_s"}
    assert set(told["timings_ms"]) == {"stt", "llm_first_token", "tts_first_audio", "face_first_frame", "total"}
    with av.open(str(out)) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        assert (video.codec_context.name, audio.codec_context.name) == ("h264", "aac")
        assert video.average_rate == 25 and video.frames == told["video"]["frames"]
        lengths = [float(stream.duration * stream.time_base) for stream in (video, audio)]
    assert abs(lengths[0] - lengths[1]) <= 0.04
    assert jiwer.wer(plain(told["reply"]), plain(hear(out, models))) <= 0.15


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_a_text_is_spoken_with_moving_lips_and_a_closed_mouth_at_the_end(
    models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "Welcome to our house. The library is on the second floor, behind the large blue door."
    out = tmp_path / "say.mp4"
    assert main(["say", text, "-o", str(out), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["reply"] == text
    assert jiwer.wer(plain(text), plain(hear(out, models))) <= 0.15
    with av.open(str(out)) as container:
        mouths = [frame.to_ndarray(format="gray")[225:290, 210:300].astype(int) for frame in container.decode(video=0)]
    moved = [np.abs(after - before).mean() for before, after in pairwise(mouths)]
    assert np.mean(moved[5:40]) > 3 * np.mean(moved[-4:]), "the mouth moves in speech and rests afterwards"


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_a_silent_recording_is_told(models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    silent = wav(tmp_path / "silent.wav", np.zeros(32_000))
    assert main(["talk", str(silent), "-o", str(tmp_path / "out.mp4")]) == 1
    assert "[no-speech]" in capsys.readouterr().err
    assert not (tmp_path / "out.mp4").exists()


@pytest.mark.parametrize("kind", ["text", "empty", "missing", "two-hours"])
def test_what_is_no_question_is_refused_before_any_model_is_loaded(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "question.wav"
    if kind == "text":
        path.write_text("these are words, not sound")
    elif kind == "empty":
        wav(path, np.empty(0))
    elif kind == "two-hours":
        wav(path, np.zeros(2 * 3600 * 8000), 8000)
    codes = {"text": "not-audio", "empty": "empty", "missing": "not-found", "two-hours": "too-long"}
    assert main(["talk", str(path), "-o", str(tmp_path / "out.mp4"), "--json"]) == 1
    told = json.loads(capsys.readouterr().err)
    assert told["code"] == codes[kind] and told["message"] and told["hint"]


def test_usage_errors_exit_with_two() -> None:
    with pytest.raises(SystemExit) as ended:
        main(["talk"])
    assert ended.value.code == 2
