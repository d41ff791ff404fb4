"""Speech that tells no phonemes is heard by Whisper's encoder, and the lips close where it does."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import pytest
from piper import PiperVoice

from appliance.config import FaceConfig
from appliance.errors import AvatarError
from appliance.face import plugin
from appliance.face.drive import FromPhonemes, FromSpeech
from appliance.face.listener import Listener, WhisperFeatures, heads, knows, stretched
from appliance.face.renderer import FaceRenderer, RenderRequest
from appliance.face.stretches import AFTER, BEFORE, runs
from appliance.face.training.measure import listened, teacher
from appliance.face.training.speakers import with_piper
from appliance.face.visemes import aperture
from tests.face.test_real_net import SENTENCES, SHIPPED
from tests.models import generate

LISTENER = SHIPPED / "listener.onnx"


class Deaf(Listener):
    """Opens the mouth by as much as the loudest sample."""

    def __init__(self) -> None:
        self.given: list[tuple[int, ...]] = []

    def mouths(self, stretches: np.ndarray, times_s: np.ndarray) -> np.ndarray:
        self.given.append(stretches.shape)
        return np.repeat(np.abs(stretches).max(1)[:, None], 8, 1)


def test_pictures_that_are_close_share_a_run_of_sound() -> None:
    pcm = np.arange(BEFORE + AFTER + 3 * 640, dtype=np.float32)
    close = np.stack([pcm[at : at + BEFORE + AFTER] for at in (0, 640, 1280, 1920)])
    found = list(runs(np.concatenate([close, close[:1]]), np.array([0.0, 0.04, 0.08, 0.12, 3.0])))
    assert [len(run.middles) for run in found] == [4, 1]
    assert np.array_equal(found[0].pcm, pcm)
    assert found[0].middles.tolist() == [BEFORE, BEFORE + 640, BEFORE + 1280, BEFORE + 1920]


def test_a_rate_that_does_not_divide_the_sounds_keeps_runs_whole() -> None:
    pcm = (np.random.default_rng(8).normal(size=32_000) * 3000).astype(np.int16)
    drive = FromSpeech(16_000, fps=30)
    rows = np.concatenate([drive.push(pcm), drive.settle()])
    (run,) = runs(rows, np.arange(len(rows)) / 30)
    assert run.middles.tolist() == [BEFORE + place * 16_000 // 30 for place in range(60)]


def test_features_keep_step_with_mel_frames() -> None:
    rows = np.arange(50, dtype=np.float32)[:, None].repeat(3, 1)
    assert stretched(rows, 80)[:79, 0] == pytest.approx(np.arange(79) * 50 / 80, abs=1e-5)
    assert stretched(rows, 81)[-1, 0] == 49, "behind the end the last row"


def test_a_listener_is_given_stretches_and_a_known_mouth_is_not_heard(tmp_path: Path) -> None:
    listener = Deaf()
    net = generate.grey_mouth(tmp_path / "net.onnx", mouths=True)
    engine = FaceRenderer(net, generate.HERE / "tiny.avatar", FaceConfig(), listener=listener)
    engine.load()
    engine.warm_up()
    assert isinstance(engine.drive(16_000, known=True), FromPhonemes)
    assert isinstance(engine.drive(16_000, known=False), FromSpeech)
    assert listener.given == [], "it is opened when something is heard"
    loud = np.tile(0.9 * np.sin(np.arange(BEFORE + AFTER) / 7), (2, 1)).astype(np.float32)
    quiet, open_ = (next(iter(engine.pictures(RenderRequest((1, 2), drive)))).picture for drive in (loud * 0, loud))
    assert listener.given == [(2, BEFORE + AFTER)] * 2
    assert quiet != open_
    for drive in (np.zeros((2, 8), np.float32), np.full((2, 80, 16), 1.0, np.float32)):
        assert len(list(engine.pictures(RenderRequest((1, 2), drive)))) == 2
    assert len(listener.given) == 2
    with pytest.raises(AvatarError, match="rows"):
        list(engine.pictures(RenderRequest((1, 2), loud[:, 1:])))
    engine.close()


def test_only_the_whisper_that_it_learned_with_is_heard_through(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    assert heads(other) == ""
    assert not knows(LISTENER, other)
    (other / "config.json").write_text(json.dumps({"alignment_heads": [[3, 1]]}))
    assert heads(other) == "[[3, 1]]"
    assert plugin.listener({"listener": LISTENER, "ears": other}, threads=1) is None
    assert plugin.listener({"listener": LISTENER}, threads=1) is None
    with pytest.raises(AvatarError, match="does not read mouths"):
        knows(generate.grey_mouth(tmp_path / "net.onnx"), other)


def test_a_whisper_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(AvatarError) as caught:
        WhisperFeatures(tmp_path)
    assert caught.value.code == "not-readable"
    assert "verify" in caught.value.hint


@pytest.fixture(scope="module")
def listener(models: Path) -> Listener:
    ears = models / "ears"
    if not (ears / "model.bin").is_file():
        pytest.skip(f"no Whisper in {ears}: run `appliance models fetch`")
    assert knows(LISTENER, ears)
    found = plugin.listener({"listener": LISTENER, "ears": ears}, threads=1)
    assert found is not None
    return found


@pytest.mark.slow
@pytest.mark.parametrize("noise", [0.0, 0.1])
def test_the_lips_close_and_open_with_what_is_heard(listener: Listener, models: Path, noise: float) -> None:
    """Sentences that it was not trained on, also with white noise 20 dB below."""
    voice = PiperVoice.load(models / "voice" / "en_US-joe-medium.onnx", include_alignments=True)
    pairs: list[tuple[np.ndarray, np.ndarray]] = []
    for text in SENTENCES:
        speech = with_piper(voice, text, random.Random(9), ratio=1.0)
        level = noise * float(np.sqrt(np.mean(speech.pcm**2)))
        mouths = listened(listener, speech.pcm + np.random.default_rng(5).normal(0, level, len(speech.pcm)))
        wanted = aperture(teacher(speech, len(mouths)))
        said = slice(14, -14)  # there is no speech before and after
        pairs.append((aperture(mouths)[said], wanted[said]))
    read, wanted = (np.concatenate(side) for side in zip(*pairs, strict=True))
    closed, should = read < 0.09, wanted < 0.09
    f1 = 2 * float((closed & should).sum()) / float(closed.sum() + should.sum())
    assert f1 > 0.7, f1
    assert np.corrcoef(read, wanted)[0, 1] > 0.8


@pytest.mark.slow
def test_in_noise_alone_the_mouth_stays_closed(listener: Listener) -> None:
    hiss = np.random.default_rng(6).normal(0, 0.05, 3 * 16_000)
    assert aperture(listened(listener, hiss)).max() < 0.09
