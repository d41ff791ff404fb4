"""Speech with timed phonemes: Piper's labels joined into phones, espeak-ng's events and flite's segments read."""

from __future__ import annotations

import random
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from appliance.face.mel import RATE_HZ
from appliance.face.training import speech
from appliance.face.training.speakers import ESPEAK_VARIANTS, FLITE_VOICES, Espeak, Flite, timed, with_piper
from appliance.face.training.speech import Speech, resampled, sentences
from appliance.phoneme import SILENCE


def test_stress_joins_the_next_sound_and_length_the_one_before() -> None:
    phones = timed([("ˈ", 0.01), ("ɑ", 0.1), ("ː", 0.05), ("m", 0.08)], start_s=1.0)
    assert [phone.symbol for phone in phones] == ["ɑ", "m"]
    assert phones[0].end_s - phones[0].start_s == pytest.approx(0.16)
    assert phones[0].start_s == 1.0
    assert phones[1].end_s == pytest.approx(1.24)


def test_a_short_space_is_no_pause_and_a_long_one_is() -> None:
    assert [p.symbol for p in timed([("a", 0.1), (" ", 0.04), ("m", 0.1)])] == ["a", "m"]
    assert [p.symbol for p in timed([("a", 0.1), (" ", 0.2), ("m", 0.1)])] == ["a", SILENCE, "m"]


def test_no_time_is_lost_between_phones() -> None:
    labels = [("^", 0.02), ("ˈ", 0.01), ("a", 0.1), (" ", 0.05), ("ː", 0.02), ("m", 0.1), (".", 0.3)]
    phones = timed(labels)
    assert all(first.end_s == pytest.approx(second.start_s) for first, second in pairwise(phones))
    assert phones[-1].end_s == pytest.approx(sum(seconds for _, seconds in labels))


@pytest.mark.parametrize("rate_hz", [16_000, 22_050, 25_071])
def test_speech_of_any_rate_keeps_its_tone_and_length(rate_hz: int) -> None:
    seconds = np.arange(rate_hz) / rate_hz
    pcm = resampled(0.5 * np.sin(2 * np.pi * 440 * seconds).astype(np.float32), rate_hz)
    assert len(pcm) == RATE_HZ
    wanted = 0.5 * np.sin(2 * np.pi * 440 * np.arange(RATE_HZ) / RATE_HZ)
    assert np.abs(pcm - wanted)[200:-200].max() < 0.001
    assert len(resampled(np.zeros(0, np.float32), rate_hz)) == 0


def test_sentences_are_the_written_ones_and_then_new_ones_of_their_words() -> None:
    written = [line.strip() for line in speech.SENTENCES.read_text(encoding="utf-8").splitlines() if line.strip()]
    made = sentences(7, len(written) + 20)
    assert sorted(made[: len(written)]) == sorted(written)
    known = {word.strip(".,?!;:").lower() for line in written for word in line.split()}
    assert all(word.strip(".,?!;:").lower() in known for line in made[len(written) :] for word in line.split())
    assert made == sentences(7, len(written) + 20)


@pytest.mark.slow
@pytest.mark.parametrize("ratio", [None, 1.22])
def test_pipers_labels_lie_on_its_sound(models: Path, ratio: float | None) -> None:
    from piper import PiperVoice

    voice = PiperVoice.load(models / "voice" / "en_US-joe-medium.onnx", include_alignments=True)
    said = with_piper(voice, "Mama, papa.", random.Random(1), ratio=ratio)
    assert abs(said.phones[-1].end_s - len(said.pcm) / RATE_HZ) < 0.1
    assert [phone.symbol for phone in said.phones].count("p") == 2
    loud = {symbol: level(said.pcm, symbol, said.phones) for symbol in ("ɑ", "p")}
    assert loud["ɑ"] > 3 * loud["p"], "a vowel is loud, closed lips are not"


@pytest.mark.slow
def test_espeaks_events_lie_on_its_sound() -> None:
    try:
        engine = Espeak()
    except OSError:
        pytest.skip("libespeak-ng is not installed: apt-get install libespeak-ng1")
    said = engine.speak("Mama, papa.", "en-us+f4")
    assert [phone.symbol for phone in said.phones].count("p") == 2
    assert said.phones[-1].end_s == pytest.approx(len(said.pcm) / RATE_HZ, abs=0.05)
    assert level(said.pcm, "ɑ", said.phones) > 3 * level(said.pcm, "p", said.phones)


@pytest.mark.slow
def test_flites_segments_lie_on_its_sound_however_fast_it_is_played() -> None:
    try:
        engine = Flite()
    except OSError:
        pytest.skip("flite is not installed: apt-get install flite")
    said = engine.speak("Mama, papa.", "rms", stretch=1.2)
    for heard in (said, said.faster(1.2)):
        assert [phone.symbol for phone in heard.phones].count("p") == 2
        assert heard.phones[-1].end_s == pytest.approx(len(heard.pcm) / RATE_HZ, abs=0.05)
        assert level(heard.pcm, "ɑ", heard.phones) > 3 * level(heard.pcm, "p", heard.phones)
    assert len(said.pcm) == pytest.approx(1.2 * len(said.faster(1.2).pcm), rel=0.01)


def test_played_faster_everything_comes_sooner() -> None:
    said = Speech(np.zeros(RATE_HZ, np.float32), [speech.Phoneme("m", 0.2, 0.5)]).faster(1.25)
    assert len(said.pcm) == RATE_HZ * 4 // 5
    assert (said.phones[0].start_s, said.phones[0].end_s) == pytest.approx((0.16, 0.4))


def test_voices_that_are_kept_for_measuring_train_nobody() -> None:
    assert not {"f4", "m3"} & set(ESPEAK_VARIANTS)
    assert "slt" not in FLITE_VOICES


def level(pcm: np.ndarray, symbol: str, phones: list[speech.Phoneme]) -> float:
    """Mean loudness of the middle of a phone's occurrences."""
    found = [phone for phone in phones if phone.symbol.startswith(symbol)]
    assert found, f"no {symbol} among {[phone.symbol for phone in phones]}"
    levels: list[float] = []
    for phone in found:
        third = (phone.end_s - phone.start_s) / 3
        part = pcm[round((phone.start_s + third) * RATE_HZ) : round((phone.end_s - third) * RATE_HZ)]
        levels.append(float(np.sqrt(np.mean(part**2))))
    return float(np.mean(levels))
