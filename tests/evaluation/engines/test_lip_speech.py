"""People in recordings, and strangers, speak as the voice does, where it can be told what they say when; noise goes
under them."""

from __future__ import annotations

import sys
import wave
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest

from appliance.errors import MediaError
from appliance.evaluation.clips import Clip
from appliance.evaluation.engines import lip_speech
from appliance.evaluation.engines.lip_speech import Noise, Spoken, by_people, by_strangers
from appliance.face.training import speakers
from appliance.phoneme import Phoneme

CLIPS = [Clip("a.wav", np.full(8000, 0.5, np.float32), "MUM"), Clip("b.wav", np.zeros(16000, np.float32), "QWRT")]


class FakeAligner:
    """Knows words with a vowel."""

    def phonemes(self, pcm: np.ndarray, text: str) -> list[Phoneme] | None:
        return [Phoneme("m", 0.0, 0.1), Phoneme("_", 0.1, len(pcm) / 16_000)] if "U" in text else None


async def taken(speech: AsyncIterator[Spoken]) -> list[Spoken]:
    return [spoken async for spoken in speech]


async def test_what_fits_its_words_is_said_between_silences(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lip_speech, "_aligner", FakeAligner)
    left_out: list[str] = []
    (spoken,) = await taken(by_people(CLIPS, left_out, lambda _: None))
    assert (spoken.text, spoken.rate_hz, left_out) == ("mum", 16_000, ["b.wav"])
    first = spoken.phonemes[0].start_s
    assert not spoken.pcm[: round(first * 16_000)].any()
    assert np.abs(spoken.pcm[round(first * 16_000) :][:8000] - 16383).max() <= 1
    assert len(spoken.pcm) == 8000 + 2 * round(first * 16_000)


async def test_recordings_of_which_none_fits_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lip_speech, "_aligner", FakeAligner)
    with pytest.raises(MediaError) as caught:
        await taken(by_people(CLIPS[1:], [], lambda _: None))
    assert caught.value.code == "not-aligned"
    assert "references.tsv" in caught.value.hint


async def test_without_pocketsphinx_it_is_told_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "appliance.face.training.alignment", raising=False)
    monkeypatch.setitem(sys.modules, "pocketsphinx", None)
    with pytest.raises(MediaError) as caught:
        await taken(by_people(CLIPS, [], lambda _: None))
    assert caught.value.code == "extra-missing"


# ---- strangers


async def test_strangers_say_each_sentence_with_their_times() -> None:
    try:
        for voice in speakers.STRANGERS:
            speakers.stranger(voice)
    except OSError as error:
        pytest.skip(f"{error}: flite and libespeak-ng1 come with `scripts/setup --train` from the system")
    said = await taken(by_strangers(["Bob may come."], lambda _: None))
    assert [spoken.voice for spoken in said] == list(speakers.STRANGERS)
    for spoken in said:
        closed = [phoneme for phoneme in spoken.phonemes if phoneme.symbol in ("b", "m")]
        assert len(closed) == 4, spoken.voice
        assert 0.4 <= closed[0].start_s < closed[-1].end_s <= len(spoken.pcm) / spoken.rate_hz


async def test_without_their_program_it_is_told_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_: str) -> None:
        raise OSError("no such file")

    monkeypatch.setattr(speakers, "stranger", missing)
    with pytest.raises(MediaError) as caught:
        await taken(by_strangers(["One."], lambda _: None))
    assert caught.value.code == "not-installed"
    assert "apt-get" in caught.value.hint


# ---- noise


def recording(path: Path, pcm: np.ndarray) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(pcm.astype("<i2").tobytes())
    return path


TONE = Spoken("", (8000 * np.sin(np.arange(32_000) * 0.3)).astype(np.int16), 16_000, [])


def below_db(heard: np.ndarray) -> float:
    """How much quieter what was added is than the tone."""
    added = heard.astype(np.float64) - TONE.pcm
    return float(20 * np.log10(TONE.pcm.astype(np.float64).std() / added.std()))


def test_noise_is_as_far_below_the_voice_as_was_asked(tmp_path: Path) -> None:
    assert below_db(Noise(20).under(TONE)) == pytest.approx(20, abs=0.2)
    hum = recording(tmp_path / "hum.wav", 500 * np.sin(np.arange(8000) * 0.02))
    heard = Noise(12, [hum]).under(TONE)
    assert below_db(heard) == pytest.approx(12, abs=0.2)
    added = np.abs(np.fft.rfft(heard - TONE.pcm.astype(np.float64)))
    assert np.argmax(added) == pytest.approx(0.02 / np.pi * len(added), rel=0.02), "it is the recording"


def test_a_recording_in_which_nothing_is_heard_is_told(tmp_path: Path) -> None:
    silence = recording(tmp_path / "silence.wav", np.zeros(1600))
    with pytest.raises(MediaError) as caught:
        Noise(20, [silence]).under(TONE)
    assert caught.value.code == "empty"
