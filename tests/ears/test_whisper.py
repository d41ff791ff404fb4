"""The Whisper engine: real recordings against faster-whisper's own transcribe, silence, noise, bad models."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import jiwer
import numpy as np
import pytest
from faster_whisper.audio import decode_audio
from livekit import rtc
from piper import PiperVoice, SynthesisConfig

from appliance.config import EarsConfig
from appliance.ears.hypothesis import Hypothesis
from appliance.ears.plugin import samples
from appliance.ears.whisper import Transcript, Utterance, WhisperEngine, _devices, _Window
from appliance.ears.windows import LONGEST_S, RATE_HZ, Samples
from appliance.engine import TurnId
from appliance.errors import MediaError, STTError


def words(text: str) -> str:
    return " ".join(re.sub(r"[^a-z0-9' ]", " ", text.lower()).split())


def hear(engine: WhisperEngine, pcm: Samples) -> Transcript:
    for item in engine.transcribe(Utterance(pcm, TurnId(7))):
        if item is not None:
            return item
        engine.advance()
    raise AssertionError("no transcript")


# ---- what needs no model


def test_an_utterance_is_checked_where_it_is_made() -> None:
    with pytest.raises(MediaError, match="empty"):
        Utterance(np.empty(0, np.float32), TurnId(0))


def hypothesis(text: str, n_tokens: int = 3) -> Hypothesis:
    return Hypothesis(text, n_tokens, capped=False, log_probability=-0.1, no_speech_probability=0.0)


class Table:
    """An engine whose model is a table: it answers with the length of the window, and keeps what it was given."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.batches: list[list[int]] = []
        self.failure: STTError | None = None
        self.engine = WhisperEngine(Path(), EarsConfig())
        monkeypatch.setattr(self.engine, "_window", self._window)
        monkeypatch.setattr(self.engine, "_decode", self._decode)

    def _window(self, pcm: Samples, seconds: int) -> _Window:
        return _Window(pcm[None], seconds, 100)

    def _decode(self, batch: list[_Window]) -> list[Hypothesis]:
        self.batches.append([window.seconds for window in batch])
        if self.failure is not None:
            raise self.failure
        return [hypothesis(f"{window.features.shape[1] / RATE_HZ:g}") for window in batch]

    def begin(self, *lengths_s: float) -> list[Iterator[Transcript | None]]:
        """One request for each length; stepped once, as the bridge does before its first `advance` for them."""
        requests = [
            self.engine.transcribe(Utterance(np.full(round(length * RATE_HZ), 0.1, np.float32), TurnId(index)))
            for index, length in enumerate(lengths_s)
        ]
        assert [next(request) for request in requests] == [None] * len(requests)
        return requests


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> Table:
    return Table(monkeypatch)


def text(request: Iterator[Transcript | None]) -> str | None:
    """What the next step of a request gives."""
    item = next(request)
    return None if item is None else item.text


def test_utterances_of_a_length_are_heard_in_one_run_of_the_model(table: Table) -> None:
    requests = table.begin(1, 2, 3)
    table.engine.advance()
    assert table.batches == [[10, 10, 10]]
    assert [text(request) for request in requests] == ["1", "2", "3"]
    table.engine.advance()
    assert len(table.batches) == 1


def test_who_waits_longest_is_first_and_four_are_enough(table: Table) -> None:
    requests = table.begin(12, 1, 2, 11, 3, 4, 5)
    for _ in range(3):
        table.engine.advance()
    assert table.batches == [[15, 15], [10, 10, 10, 10], [10]]
    assert [text(request) for request in requests] == ["12", "1", "2", "11", "3", "4", "5"]


def test_who_left_is_not_heard(table: Table) -> None:
    stays, leaves = table.begin(1, 2)
    leaves.close()
    table.engine.advance()
    assert table.batches == [[10]]
    assert text(stays) == "1"


def test_the_pieces_of_a_long_utterance_come_in_order(table: Table) -> None:
    (long,) = table.begin(40)
    said: list[str | None] = []
    while not said or said[-1] is None:
        table.engine.advance()
        said.append(text(long))
    first, second = str(said[-1]).split()
    assert float(first) + float(second) == pytest.approx(40.0)
    assert len(table.batches) == 2


def test_a_failure_reaches_those_who_were_heard_together_and_no_others(table: Table) -> None:
    table.failure = STTError("Whisper failed", code="inference-failed")
    *failed, waits = table.begin(1, 2, 12)
    table.engine.advance()
    table.failure = None
    for request in failed:
        with pytest.raises(STTError, match="Whisper failed"):
            next(request)
    assert text(waits) is None
    table.engine.advance()
    assert text(waits) == "12"


def test_a_usual_phrase_in_a_doubtful_voice_is_heard_as_nothing(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table.engine, "_decode", lambda batch: [hypothesis("Thank you.") for _ in batch])
    heard: list[str | None] = []
    for voice in (0.7, 1.0):
        request = table.engine.transcribe(Utterance(np.full(RATE_HZ, 0.1, np.float32), TurnId(0), voice))
        assert next(request) is None
        table.engine.advance()
        heard.append(text(request))
    assert heard == ["", "Thank you."]


def test_a_suspect_answer_is_made_again_in_the_padded_window(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    def repeats_in_the_short_one(batch: list[_Window]) -> list[Hypothesis]:
        table.batches.append([window.seconds for window in batch])
        return [hypothesis("it said so", 30 if window.seconds < LONGEST_S else 3) for window in batch]

    monkeypatch.setattr(table.engine, "_decode", repeats_in_the_short_one)
    (request,) = table.begin(2)
    table.engine.advance()
    assert text(request) is None
    table.engine.advance()
    assert text(request) == "it said so"
    assert table.batches == [[10], [LONGEST_S]]


def test_a_gpu_is_used_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_driver() -> int:
        raise RuntimeError("CUDA driver version is insufficient")

    monkeypatch.setattr("ctranslate2.get_cuda_device_count", lambda: 1)
    assert _devices() == [("cuda", "float16"), ("cpu", "int8")]
    monkeypatch.setattr("ctranslate2.get_cuda_device_count", lambda: 0)
    assert _devices() == [("cpu", "int8")]
    monkeypatch.setattr("ctranslate2.get_cuda_device_count", no_driver)
    assert _devices() == [("cpu", "int8")]


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


@pytest.fixture(scope="module")
def noises(data: Path) -> list[Samples]:
    names = ("noise1.wav", "noise2.wav", "noise3.wav", "office-ambience-24000-mono.mp3")
    return [decode_audio(str(data / "noise" / name), RATE_HZ) for name in names]


@pytest.fixture(scope="module")
def said(models: Path) -> Callable[[str], Samples]:
    voice = PiperVoice.load(models / "voice" / "en_US-joe-medium.onnx")

    def say(line: str) -> Samples:
        chunks = voice.synthesize(line, SynthesisConfig(noise_scale=0.0, noise_w_scale=0.0))  # the same every time
        pcm = np.concatenate([chunk.audio_int16_array for chunk in chunks])
        return samples(rtc.AudioFrame(pcm.tobytes(), voice.config.sample_rate, 1, len(pcm)))

    return say


@pytest.mark.slow
def test_real_noise_is_heard_as_nothing(engine: WhisperEngine, noises: list[Samples]) -> None:
    for index, noise in enumerate(noises):
        for start in range(0, min(len(noise), 12 * RATE_HZ) - RATE_HZ, 3 * RATE_HZ):
            heard = hear(engine, noise[start : start + 3 * RATE_HZ])
            assert heard.text == "", f"noise {index} at {start / RATE_HZ} s"


@pytest.mark.slow
@pytest.mark.parametrize("line", ["Yes.", "No thanks.", "Okay.", "Thank you.", "Goodbye.", "Is there a toilet?"])
def test_a_few_words_are_heard_once(
    engine: WhisperEngine, said: Callable[[str], Samples], noises: list[Samples], line: str
) -> None:
    """Without silence before it, a word over noise comes back up to eight times."""
    speech = np.pad(said(line), (RATE_HZ // 4, RATE_HZ // 5))
    assert words(hear(engine, speech).text) == words(line)
    for noise in noises:
        quiet = noise[: len(speech)] * np.sqrt(np.square(speech).mean() / np.square(noise[: len(speech)]).mean()) / 10
        assert words(hear(engine, speech + quiet).text) == words(line)


@pytest.mark.slow
def test_windows_heard_together_are_heard_as_alone(
    engine: WhisperEngine, recordings: list[tuple[Samples, str]]
) -> None:
    alone = [hear(engine, pcm).text for pcm, _ in recordings[1:4]]
    requests = [engine.transcribe(Utterance(pcm, TurnId(0))) for pcm, _ in recordings[1:4]]
    assert [next(request) for request in requests] == [None] * 3
    engine.advance()
    assert [text(request) for request in requests] == alone


@pytest.mark.slow
def test_a_long_recording_is_heard_whole(engine: WhisperEngine, recordings: list[tuple[Samples, str]]) -> None:
    pause = np.zeros(RATE_HZ // 2, np.float32)
    parts, references = [], []
    while sum(map(len, parts)) < 45 * RATE_HZ:
        pcm, reference = recordings[len(references) % len(recordings)]
        parts += [pcm, pause]
        references.append(reference)
    assert jiwer.wer(" ".join(references), words(hear(engine, np.concatenate(parts)).text)) <= 0.12


@pytest.mark.slow
def test_a_language_the_model_does_not_hear_is_refused(models: Path) -> None:
    with pytest.raises(STTError, match="'de'") as failed:
        WhisperEngine(models / "ears", EarsConfig(language="de")).load()
    assert failed.value.code == "unsupported-language"
