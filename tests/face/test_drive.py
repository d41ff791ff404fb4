"""What drives a mouth: the same whether the sound comes in pieces or whole, and in step with it."""

from __future__ import annotations

import numpy as np
import pytest

from appliance.face.drive import FromPhonemes, FromSound
from appliance.face.mel import mel_windows
from appliance.face.visemes import tracks
from appliance.phoneme import Phoneme

RATE = 16_000
SPEECH = [Phoneme(symbol, at / 10, at / 10 + 0.1) for at, symbol in enumerate("_hɛloʊ_mæm_bɑb_")]


def sound(seconds: float) -> np.ndarray:
    return (8000 * np.sin(np.arange(round(seconds * RATE)) / 7)).astype(np.int16)


def test_mouths_are_those_of_the_whole_speech() -> None:
    whole = tracks(SPEECH, np.arange(40) / 25)
    drive = FromPhonemes(RATE, fps=25)
    rows = [drive.push(piece, SPEECH if n == 0 else ()) for n, piece in enumerate(np.array_split(sound(1.6), 9))]
    assert np.allclose(np.concatenate(rows), whole, atol=1e-3)
    assert not len(drive.settle())


def test_a_picture_is_there_when_its_sound_is() -> None:
    drive = FromPhonemes(22_050, fps=25)
    assert len(drive.push(np.zeros(881, np.int16), SPEECH)) == 0
    assert len(drive.push(np.zeros(1, np.int16))) == 1
    assert len(drive.push(np.zeros(10, np.int16))) == 0
    assert len(drive.settle()) == 1, "a picture for the rest"
    assert len(drive.push(np.zeros(882 * 2 - 10, np.int16))) == 1, "the rest's picture was given already"


def test_clauses_follow_each_other() -> None:
    drive = FromPhonemes(RATE, fps=25)
    drive.push(sound(0.4), [Phoneme("m", 0.0, 0.4)])
    rows = drive.push(sound(0.4), [Phoneme("ɑ", 0.4, 0.8)])
    assert rows.shape == (10, 8)
    assert rows[5, 0] > 0.7


@pytest.mark.parametrize("pieces", [1, 5])
def test_sound_alone_is_listened_to(pieces: int) -> None:
    pcm = sound(1.0)
    drive = FromSound(RATE, fps=25, offset_s=-0.08)
    rows = [drive.push(piece) for piece in np.array_split(pcm, pieces)]
    found = np.concatenate([*rows, drive.settle()])
    assert np.allclose(found, mel_windows(pcm.astype(np.float32) / 32768, offset_s=-0.08), atol=1e-4)
