"""The Piper engine: a tiny voice for what it does, the real one for how it sounds, Whisper for what is understood."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import jiwer
import numpy as np
import onnxruntime
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from livekit import rtc

from appliance.config import EarsConfig, VoiceConfig
from appliance.ears.plugin import samples
from appliance.ears.whisper import Utterance, WhisperEngine
from appliance.engine import TurnId
from appliance.errors import TTSError
from appliance.phoneme import SILENCE
from appliance.voice.loudness import gain
from appliance.voice.piper import PiperEngine, voice_rate_hz
from appliance.voice.speech import SpeechAudio, SpeechRequest
from tests.models.vits import write_vits
from tests.models.voice import FRAMES, HOP, RATE_HZ, write_voice


def chunks(engine: PiperEngine, text: str) -> list[SpeechAudio]:
    items = list(engine.synthesize(SpeechRequest(text, TurnId(3))))
    assert all(item is not None for item in items)
    return items  # type: ignore[return-value]


def say(engine: PiperEngine, text: str) -> list[SpeechAudio]:
    """The speech clause by clause."""
    clauses: list[SpeechAudio] = []
    for chunk in chunks(engine, text):
        if chunk.text:
            clauses.append(chunk)
        else:
            clauses[-1] = replace(clauses[-1], pcm=np.concatenate([clauses[-1].pcm, chunk.pcm]))
    return clauses


@pytest.fixture(scope="module")
def tone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PiperEngine]:
    engine = PiperEngine(write_voice(tmp_path_factory.mktemp("voice")), VoiceConfig())
    engine.load()
    engine.warm_up()
    yield engine
    engine.close()


def test_speech_carries_its_text_rate_and_turn(tone: PiperEngine) -> None:
    (speech,) = say(tone, "Hello there.")
    assert speech.text == "Hello there."
    assert speech.rate_hz == RATE_HZ
    assert speech.turn == 3
    assert speech.pcm.dtype == np.float32
    assert speech.pcm.ndim == 1


def test_phonemes_cover_the_sound_exactly(tone: PiperEngine) -> None:
    (speech,) = say(tone, "Hello there.")
    assert speech.phonemes[0].start_s == 0.0
    assert speech.phonemes[-1].end_s == pytest.approx(len(speech.pcm) / RATE_HZ, abs=1e-9)
    # espeak-ng says həlˈoʊ ðˈɛɹ.
    assert [time.symbol for time in speech.phonemes] == [SILENCE, *"həloʊðɛɹ", SILENCE]
    h = speech.phonemes[1]
    assert (h.end_s - h.start_s) * RATE_HZ == pytest.approx(2 * FRAMES * HOP)  # its id and the padding behind it


def test_every_clause_has_the_same_loudness_and_never_clips(tone: PiperEngine) -> None:
    for speech in say(tone, "One. Two, and a much longer sentence follows here. Three!"):
        # a sine's root mean square, less of what is left out as not sounding
        assert np.sqrt(np.square(speech.pcm).mean()) == pytest.approx(0.1, rel=0.05)
        assert np.abs(speech.pcm).max() <= 0.97


def test_the_first_clause_is_there_before_the_rest_is_made(tone: PiperEngine) -> None:
    clauses = tone.synthesize(SpeechRequest("Take a seat in the room, someone will be with you shortly.", TurnId(0)))
    first = next(clauses)
    assert first is not None
    assert first.text == "Take a seat in the room,"
    clauses.close()


def test_what_was_cut_before_is_not_cut_again(tone: PiperEngine) -> None:
    text = "Take a seat in the room, someone will be with you shortly."
    (speech,) = tone.synthesize(SpeechRequest(text, TurnId(0), begun=True))
    assert speech is not None
    assert speech.text == text


def test_words_add_up_to_the_text_and_lie_in_the_sound(tone: PiperEngine) -> None:
    text = " Hello,  there 🙂 20 °C — e.g. at noon. Don't\nstay!  你好 "
    clauses = say(tone, text)
    assert "".join(word.text for speech in clauses for word in speech.words) == text
    for speech in clauses:
        assert "".join(word.text for word in speech.words) == speech.text
        edges = [edge for word in speech.words for edge in (word.start_s, word.end_s)]
        assert edges == sorted(edges)
        assert 0.0 <= edges[0] <= edges[-1] <= len(speech.pcm) / RATE_HZ + 1e-9
    hello = clauses[0].words[0]
    h, o = clauses[0].phonemes[1], clauses[0].phonemes[5]  # həlˈoʊ
    assert (hello.start_s, hello.end_s) == pytest.approx((h.start_s, o.end_s), abs=2 * FRAMES * HOP / RATE_HZ)


def test_a_clause_comes_in_chunks_that_are_one_whole(tmp_path: Path) -> None:
    engine = PiperEngine(write_vits(tmp_path), VoiceConfig())
    engine.load()
    engine.warm_up()
    made = chunks(engine, "Please take a seat in the waiting room.")
    assert len(made) > 2
    assert [bool(chunk.words) for chunk in made] == [True] + [False] * (len(made) - 1)
    assert [bool(chunk.phonemes) for chunk in made] == [True] + [False] * (len(made) - 1)
    total_s = sum(len(chunk.pcm) for chunk in made) / RATE_HZ
    assert made[0].phonemes[-1].end_s == pytest.approx(total_s, abs=1e-9)
    assert all(np.abs(chunk.pcm).max() < 0.97 for chunk in made)
    engine.close()


def test_two_voices_and_two_speeds_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    files = [write_voice(tmp_path), write_vits(tmp_path / "other")]
    engines = [PiperEngine(file, VoiceConfig(length_scale=scale)) for file in files for scale in (1.0, 1.5)]
    for engine in engines:
        engine.load()
    assert len({engine.identity() for engine in engines}) == 4
    again = PiperEngine(files[0], VoiceConfig())
    again.load()
    assert again.identity() == engines[0].identity()


@pytest.mark.parametrize("text", ["", " \n", "...", "🙂", "你好", "\x00\x1b", "[[]]", "---"])
def test_what_cannot_be_said_has_a_code(tone: PiperEngine, text: str) -> None:
    with pytest.raises(TTSError) as refused:
        say(tone, text)
    assert refused.value.code == "unspeakable"
    assert refused.value.hint


def test_one_letter_9400_times_is_short(tone: PiperEngine) -> None:
    assert sum(len(speech.pcm) for speech in say(tone, "A" * 9400)) < 3 * RATE_HZ


def test_a_book_is_refused(tone: PiperEngine) -> None:
    with pytest.raises(TTSError, match="25000 characters") as refused:
        say(tone, "word " * 5000)
    assert refused.value.code == "text-too-long"


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.one_of(st.text(max_size=200), st.text("aZ09 ,.!?[]<>&%$'\"\n\0é漢🙂\u202e\u0301", max_size=200)))
def test_any_text_is_said_or_refused(tone: PiperEngine, text: str) -> None:
    try:
        for speech in say(tone, text):
            assert len(speech.pcm) or not speech.phonemes  # what is not spoken at the end of the text
            assert np.isfinite(speech.pcm).all()
            assert len(speech.pcm) < 40 * RATE_HZ
    except TTSError as error:
        assert error.code == "unspeakable"


def test_a_voice_without_timing_still_speaks(tmp_path: Path) -> None:
    engine = PiperEngine(write_voice(tmp_path, timed=False), VoiceConfig())
    engine.load()
    (speech,) = say(engine, "Hello.")
    assert len(speech.pcm)
    assert speech.phonemes == ()


def test_the_rate_is_known_before_the_voice_is_loaded(tmp_path: Path) -> None:
    assert voice_rate_hz(write_voice(tmp_path)) == RATE_HZ


@pytest.mark.parametrize("settings_text", ["", "{", "[]", "{}", '{"audio": {"sample_rate": "x"}}', "null", "3"])
def test_broken_settings_are_an_error_of_ours(tmp_path: Path, settings_text: str) -> None:
    file = write_voice(tmp_path)
    file.with_name("voice.onnx.json").write_text(settings_text)
    with pytest.raises(TTSError) as failed:
        voice_rate_hz(file)
    assert failed.value.code == "model-unreadable"
    with pytest.raises(TTSError) as failed:
        PiperEngine(file, VoiceConfig()).load()
    assert failed.value.code == "model-unreadable"


@pytest.mark.parametrize("damage", [b"", b"not a model", None])
def test_a_broken_model_is_an_error_of_ours(tmp_path: Path, damage: bytes | None) -> None:
    file = write_voice(tmp_path)
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2] if damage is None else damage)
    with pytest.raises(TTSError) as failed:
        PiperEngine(file, VoiceConfig()).load()
    assert failed.value.code == "model-unreadable"


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    file = write_voice(tmp_path)
    file.with_name("voice.onnx.json").unlink()
    with pytest.raises(TTSError, match=r"voice\.onnx\.json") as failed:
        PiperEngine(file, VoiceConfig()).load()
    assert failed.value.code == "model-missing"


# ---- the real voice


@pytest.fixture(scope="module")
def joe(models: Path) -> Iterator[PiperEngine]:
    onnxruntime.set_seed(9)  # the voice's noise: it speaks the same every time
    engine = PiperEngine(models / "voice" / "en_US-joe-medium.onnx", VoiceConfig())
    engine.load()
    engine.warm_up()
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def ears(models: Path) -> Iterator[WhisperEngine]:
    engine = WhisperEngine(models / "ears", EarsConfig())
    engine.load()
    yield engine
    engine.close()


def words(text: str) -> str:
    return " ".join(re.sub(r"[^a-z0-9' ]", " ", text.lower()).split())


SENTENCES = [
    "Good morning, and welcome to the front desk.",
    "Please take a seat in the waiting room, someone will be with you shortly.",
    "Could you tell me your name and your date of birth, please?",
    "The exhibition on the second floor is open until six in the evening.",
    "I do not know that, but one of my colleagues can help you.",
    "Everything that you say stays on this machine, nothing is sent anywhere.",
]


@pytest.mark.slow
def test_what_the_voice_says_is_what_the_ears_hear(joe: PiperEngine, ears: WhisperEngine) -> None:
    heard: list[str] = []
    for sentence in SENTENCES:
        pcm = np.concatenate([speech.pcm for speech in say(joe, sentence)])
        frame = rtc.AudioFrame((pcm * 32767).astype(np.int16).tobytes(), RATE_HZ, 1, len(pcm))
        transcribing = ears.transcribe(Utterance(samples(frame), TurnId(0)))
        while (transcript := next(transcribing)) is None:
            ears.advance()
        heard.append(words(transcript.text))
    assert jiwer.wer([words(sentence) for sentence in SENTENCES], heard) <= 0.1


@pytest.mark.slow
def test_real_phonemes_cover_the_sound_and_pauses_are_quiet(joe: PiperEngine) -> None:
    for speech in (speech for sentence in SENTENCES[:2] for speech in say(joe, sentence)):
        assert speech.phonemes[-1].end_s == pytest.approx(len(speech.pcm) / speech.rate_hz, abs=1e-6)
        assert all(before.end_s == after.start_s for before, after in pairwise(speech.phonemes))
        level = float(np.sqrt(np.square(speech.pcm).mean()))
        last = speech.phonemes[-1]
        assert last.symbol == SILENCE
        middle = int((last.start_s + last.end_s) / 2 * speech.rate_hz)
        assert np.sqrt(np.square(speech.pcm[middle:]).mean()) < 0.2 * level


@pytest.mark.slow
def test_the_first_sound_comes_at_once(joe: PiperEngine) -> None:
    first = say(joe, SENTENCES[0])[0]
    onset_s = int(np.argmax(np.abs(first.pcm) > 0.02)) / first.rate_hz
    assert onset_s < 0.05


@pytest.mark.slow
@pytest.mark.parametrize(
    "text", ["a", "I", "5", "é", "Zzz!", "x" * 50, "www.example.com/a?b=c", "3.14159", "C++ & C#", "MRI"]
)
def test_the_real_voice_survives_odd_text(joe: PiperEngine, text: str) -> None:
    for speech in say(joe, text):
        assert np.isfinite(speech.pcm).all()
        assert 0.02 < len(speech.pcm) / speech.rate_hz < 20
        assert np.abs(speech.pcm).max() <= 0.97


@pytest.mark.slow
def test_speed_is_a_setting(models: Path, joe: PiperEngine) -> None:
    slow = PiperEngine(models / "voice" / "en_US-joe-medium.onnx", VoiceConfig(length_scale=1.5))
    slow.load()
    usual_s = sum(len(speech.pcm) for speech in say(joe, SENTENCES[0]))
    assert sum(len(speech.pcm) for speech in say(slow, SENTENCES[0])) > 1.25 * usual_s
    slow.close()


@pytest.mark.slow
def test_real_words_rise_and_lie_where_there_is_sound(joe: PiperEngine) -> None:
    text = " ".join(SENTENCES) + " Dr. Smith is in room 204 from 9 a.m. to 12:30, at 20 °C — ask e.g. at the desk."
    clauses = say(joe, text)
    assert "".join(word.text for speech in clauses for word in speech.words) == text
    for speech in clauses:
        edges = [edge for word in speech.words for edge in (word.start_s, word.end_s)]
        assert edges == sorted(edges)
        assert edges[-1] <= len(speech.pcm) / speech.rate_hz
        level = float(np.sqrt(np.square(speech.pcm).mean()))
        for word in speech.words:
            if sum(character.isalnum() for character in word.text) > 4:
                sound = speech.pcm[int(word.start_s * speech.rate_hz) : int(word.end_s * speech.rate_hz)]
                assert 0.05 < len(sound) / speech.rate_hz < 1.5, word.text  # "could" is over in 80 ms
                assert np.sqrt(np.square(sound).mean()) > 0.3 * level, word.text


@pytest.mark.slow
def test_clauses_of_the_real_voice_are_evenly_loud(joe: PiperEngine) -> None:
    levels = np.array([gain([speech.pcm]) for sentence in SENTENCES for speech in say(joe, sentence)])
    spread_db = 20 * np.log10(levels)
    assert abs(spread_db.mean()) < 1.5
    assert spread_db.std() < 2.0
