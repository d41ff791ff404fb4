"""People in recordings speak as the voice does, where it can be told what they say when."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator

import numpy as np
import pytest

from appliance.errors import MediaError
from appliance.evaluation.clips import Clip
from appliance.evaluation.engines import lip_speech
from appliance.evaluation.engines.lip_speech import Spoken, by_people
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
