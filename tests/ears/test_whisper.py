"""The Whisper engine: real recordings against faster-whisper's own transcribe, silence, noise, bad models."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path

import jiwer
import numpy as np
import pytest
from faster_whisper.audio import decode_audio

from appliance.config import EarsConfig
from appliance.ears.whisper import Transcript, Utterance, WhisperEngine, _compression_ratio, _Hypothesis, _says_twice
from appliance.ears.windows import LONGEST_S, RATE_HZ, Samples
from appliance.engine import TurnId
from appliance.errors import MediaError, STTError


def words(text: str) -> str:
    return " ".join(re.sub(r"[^a-z0-9' ]", " ", text.lower()).split())


def hear(engine: WhisperEngine, pcm: Samples) -> Transcript:
    items = list(engine.transcribe(Utterance(pcm, TurnId(7))))
    assert items[-1] is not None
    assert all(item is None for item in items[:-1])
    return items[-1]


# ---- what needs no model


def test_an_utterance_is_checked_where_it_is_made() -> None:
    with pytest.raises(MediaError, match="empty"):
        Utterance(np.empty(0, np.float32), TurnId(0))


def hypothesis(text: str, n_tokens: int, **other: float) -> _Hypothesis:
    values = {"log_probability": -0.1, "no_speech_probability": 0.0, **other}
    return _Hypothesis(text, n_tokens, capped=bool(values.pop("capped", False)), **values)


@pytest.mark.parametrize(
    ("made", "speech_s", "suspect"),
    [
        (hypothesis("Sunday is the best part of the week.", 9), 2.6, False),
        (hypothesis("We will post it to you, we will post it to you.", 14), 2.0, True),
        (hypothesis("can do for you ask what you can do for you", 12), 11.0, False),
        (hypothesis("M M M M M M M M M M M M M M M M M M M M M M M M M M M M M M M M M", 33), 30.0, True),
        (hypothesis("one two three", 3, log_probability=-1.2), 2.0, True),
        (hypothesis("so many words that nobody could say them", 10), 1.0, True),
        (hypothesis("it did not stop", 40, capped=1.0), 8.0, True),
    ],
)
def test_an_answer_that_looks_wrong_is_suspect(made: _Hypothesis, speech_s: float, suspect: bool) -> None:
    assert made.suspect(speech_s) is suspect


def test_repetition_is_seen() -> None:
    assert _says_twice("ask what you can do and then ask what you can do")
    assert not _says_twice("the child almost hurt the small dog")
    assert _compression_ratio("no " * 40) > 2.4 > _compression_ratio("The child almost hurt the small dog.")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(STTError, match=r"model\.bin") as failed:
        WhisperEngine(tmp_path, EarsConfig()).load()
    assert failed.value.code == "model-missing"


def test_a_corrupt_model_is_an_error_of_ours(tmp_path: Path) -> None:
    for name in ("model.bin", "config.json", "tokenizer.json"):
        (tmp_path / name).write_bytes(b"{}garbage")
    with pytest.raises(STTError) as failed:
        WhisperEngine(tmp_path, EarsConfig()).load()
    assert failed.value.code == "model-unreadable"
    assert "models verify" in failed.value.hint


# ---- the real model


@pytest.fixture(scope="module")
def engine(models: Path) -> Iterator[WhisperEngine]:
    engine = WhisperEngine(models / "ears", EarsConfig())
    engine.load()
    engine.warm_up()
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def recordings(data: Path) -> list[tuple[Samples, str]]:
    """Real speech and its words."""
    with (data / "speech" / "references.tsv").open() as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    assert rows
    return [(decode_audio(str(data / "speech" / row["file"]), RATE_HZ), words(row["words"])) for row in rows]


@pytest.mark.slow
def test_real_speech_is_heard_as_well_as_by_stock_transcribe(
    engine: WhisperEngine, recordings: list[tuple[Samples, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tqdm.tqdm.monitor_interval", 0)  # stock transcribe leaves a thread of its progress bar behind
    assert engine._loaded is not None
    ours, stock = [], []
    for pcm, _ in recordings:
        ours.append(words(hear(engine, pcm).text))
        segments, _ = engine._loaded.model.transcribe(pcm, language="en")
        stock.append(words(" ".join(segment.text for segment in segments)))
    references = [reference for _, reference in recordings]
    assert jiwer.wer(references, ours) <= jiwer.wer(references, stock) + 0.003
    assert jiwer.wer(references, ours) <= 0.05


@pytest.mark.slow
def test_a_transcript_carries_its_turn_and_certainty(
    engine: WhisperEngine, recordings: list[tuple[Samples, str]]
) -> None:
    pcm, _ = recordings[0]
    heard = hear(engine, pcm)
    assert heard.turn == 7
    assert heard.language == "en"
    assert heard.audio_s == pytest.approx(11.0)
    assert -0.5 < heard.log_probability < 0.0
    assert heard.no_speech_probability < 0.3


@pytest.mark.slow
@pytest.mark.parametrize("level", [0.0, 0.0003, 0.003])
def test_silence_and_hiss_are_heard_as_nothing(engine: WhisperEngine, level: float) -> None:
    hiss = np.random.default_rng(1).normal(0, 1, 3 * RATE_HZ).astype(np.float32) * np.float32(level)
    assert hear(engine, hiss).text == ""


@pytest.mark.slow
def test_real_noise_is_heard_as_nothing(engine: WhisperEngine, data: Path) -> None:
    for name in ("noise1.wav", "noise2.wav", "noise3.wav", "office-ambience-24000-mono.mp3"):
        pcm = decode_audio(str(data / "noise" / name), RATE_HZ)
        for start in range(0, min(len(pcm), 12 * RATE_HZ) - RATE_HZ, 3 * RATE_HZ):
            heard = hear(engine, pcm[start : start + 3 * RATE_HZ])
            assert heard.text == "", f"{name} at {start / RATE_HZ} s"


@pytest.mark.slow
def test_a_long_recording_is_heard_whole(engine: WhisperEngine, recordings: list[tuple[Samples, str]]) -> None:
    pause = np.zeros(RATE_HZ // 2, np.float32)
    parts, references = [], []
    while sum(map(len, parts)) < 45 * RATE_HZ:
        pcm, reference = recordings[len(references) % len(recordings)]
        parts += [pcm, pause]
        references.append(reference)
    items = list(engine.transcribe(Utterance(np.concatenate(parts), TurnId(0))))
    assert len(items) >= 3  # so a visitor who leaves is not transcribed to the end
    assert items[-1] is not None
    assert jiwer.wer(" ".join(references), words(items[-1].text)) <= 0.12


@pytest.mark.slow
def test_a_suspect_answer_is_made_again_in_the_padded_window(
    engine: WhisperEngine, recordings: list[tuple[Samples, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    pcm, reference = recordings[1]
    seconds_used: list[int] = []
    decode = engine._decode

    def first_one_repeats(speech: Samples, seconds: int) -> _Hypothesis:
        seconds_used.append(seconds)
        if seconds == LONGEST_S:
            return decode(speech, seconds)
        return hypothesis("the child almost hurt " * 12, 60)

    monkeypatch.setattr(engine, "_decode", first_one_repeats)
    assert words(hear(engine, pcm).text) == reference
    assert seconds_used == [10, 30]


@pytest.mark.slow
def test_a_language_the_model_does_not_hear_is_refused(models: Path) -> None:
    with pytest.raises(STTError, match="'de'") as failed:
        WhisperEngine(models / "ears", EarsConfig(language="de")).load()
    assert failed.value.code == "unsupported-language"
