"""What drives a mouth: the same whether the sound comes in pieces or whole, and in step with it."""

from __future__ import annotations

import numpy as np
import pytest

from appliance.face.drive import FromPhonemes, FromSound, FromSpeech
from appliance.face.mel import mel_windows
from appliance.face.stretches import BEFORE, runs
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


def heard(drive: FromSpeech, seconds: float, fresh: np.random.Generator) -> np.ndarray:
    return drive.push((fresh.normal(size=round(seconds * RATE)) * 3000).astype(np.int16))


def test_who_is_listened_to_is_waited_for_the_longer_the_more_was_heard() -> None:
    drive, fresh = FromSpeech(RATE, fps=25), np.random.default_rng(6)
    counts = [sum(len(heard(drive, 0.1, fresh)) for _ in range(10)) for _ in range(4)]
    assert counts == [9, 16, 25, 25], "a third of a second for the first picture, a second from 0.67 s on"


def test_a_voice_that_falters_is_drawn_with_what_is_known() -> None:
    drive, fresh = FromSpeech(RATE, fps=25), np.random.default_rng(6)
    early = heard(drive, 1.5, fresh)
    hurried = drive.hurry(4)
    assert (len(early), len(hurried)) == (15, 4)
    known = round((1.5 - 15 / 25) * RATE)
    assert np.abs(hurried[0, BEFORE : BEFORE + known]).mean() > 0.05
    assert not hurried[0, BEFORE + known :].any(), "as if silence followed"
    late = heard(drive, 2.0, fresh)
    assert np.abs(late[0, :BEFORE]).mean() > 0.05, "what went before is not forgotten"
    assert np.array_equal(late[0, : BEFORE + known - 4 * 640], hurried[0, 4 * 640 : BEFORE + known])
    rest = len(drive.hurry(99))
    assert 15 + 4 + len(late) + rest == 88, "no more than is known, to the last picture"
    assert len(drive.settle()) == 0
    times_s = np.arange(2) / 25 + 0.72
    found = runs(np.stack([hurried[3], late[0]]), times_s)
    assert [len(run.middles) for run in found] == [1, 1], "more was known behind the second"
