"""The shipped net and avatar: lips follow the labelled sound, close in pauses, and stay closed in silence and noise."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from appliance.config import FaceConfig
from appliance.face.compositor import Compositor
from appliance.face.loop_net import face_input
from appliance.face.mel import mel_windows
from appliance.face.net import FaceNet
from appliance.face.renderer import FaceRenderer, RenderedFrame, RenderRequest
from appliance.face.visemes import PARAMETERS, tracks
from appliance.phoneme import SILENCE, Phoneme

pytestmark = pytest.mark.slow

SHIPPED = Path(__file__).parents[2] / "models" / "face"
NET, AVATAR = SHIPPED / "talking-face.onnx", SHIPPED / "default.avatar"
FPS = 25
JAW, TUCK, UP, PRESS = (PARAMETERS.index(name) for name in ("jaw", "tuck", "up", "press"))
SENTENCES = (
    "Perhaps you would prefer to speak to one of my human colleagues?",
    "Vaccinations are given every Thursday afternoon on the second floor.",
    "Above all, we hope that you feel welcome and comfortable here.",
)
"""The net was not trained on them."""


@pytest.fixture(scope="module")
def renderer() -> FaceRenderer:
    engine = FaceRenderer(NET, AVATAR, FaceConfig())
    engine.load()
    return engine


def drawn(renderer: FaceRenderer, pcm: np.ndarray, *, first: int = 0) -> list[RenderedFrame]:
    windows = mel_windows(pcm.astype(np.float32), fps=FPS, offset_s=renderer.window_offset_s)
    frames: list[RenderedFrame] = []
    for item in renderer.render(RenderRequest(tuple(range(first, first + len(windows))), windows)):
        if item is None:
            renderer.advance()
        else:
            frames.extend(item)
    return frames


def opened(renderer: FaceRenderer, frames: list[RenderedFrame]) -> np.ndarray:
    """How much each picture differs from the same frame at rest, around the mouth: mean luma levels."""
    compositor = Compositor(renderer.avatar)
    height, width = renderer.avatar.height, renderer.avatar.width
    left, top, size = (int(value) for value in renderer.avatar.boxes[0])
    rows = slice(top + round(0.55 * size), top + round(0.85 * size))
    columns = slice(left + round(0.3 * size), left + round(0.7 * size))
    differences: list[float] = []
    for frame in frames:
        planes = [
            np.frombuffer(data, np.uint8)[: height * width] for data in (frame.picture, compositor.idle(frame.index))
        ]
        now, rest = (plane.reshape(height, width)[rows, columns].astype(float) for plane in planes)
        differences.append(float(np.abs(now - rest).mean()))
    return np.array(differences)


def spoken(models: Path, text: str) -> tuple[np.ndarray, list[Phoneme]]:
    """A sentence by the shipped voice with its timed phonemes, at 16 kHz, half a second of silence at both ends.

    Without the voice's own chance, so that the sentence is the same each time.
    """
    piper = pytest.importorskip("piper")
    path = models / "voice" / "en_US-joe-medium.onnx"
    if not path.exists():
        pytest.skip(f"no voice at {path}: run `appliance models fetch`")
    voice = piper.PiperVoice.load(path, include_alignments=True)
    steady = piper.SynthesisConfig(noise_scale=0.0, noise_w_scale=0.0)
    (chunk,) = voice.synthesize(text, steady, include_alignments=True)
    phones, at = list[Phoneme](), 0.5
    for label in chunk.phoneme_alignments:
        seconds = label.num_samples / chunk.sample_rate
        symbol = label.phoneme if label.phoneme.isalpha() and label.phoneme not in "ˈˌː" else SILENCE
        phones.append(Phoneme(symbol, at, at + seconds))
        at += seconds
    pcm = chunk.audio_float_array
    length = round(len(pcm) * 16000 / chunk.sample_rate)
    pcm = np.interp(np.arange(length) * chunk.sample_rate / 16000, np.arange(len(pcm)), pcm)
    return np.pad(pcm, 8000), phones


def test_what_is_kept_of_the_frames_changes_no_level_by_more_than_one(renderer: FaceRenderer) -> None:
    """The whole net on whole faces, rounded and blended, gives the same picture as the halves on the mouth's box."""
    net, compositor = FaceNet(NET), Compositor(renderer.avatar)
    windows = np.random.default_rng(3).uniform(-4, 3, (24, 80, 16)).astype(np.float32)
    indices = tuple(range(190, 214))
    request = RenderRequest(indices, windows)
    frames: list[RenderedFrame] = []
    for item in renderer.render(request):
        frames.extend(item or ())
        renderer.advance()
    for index, window, frame in zip(indices, windows, frames, strict=True):
        face = face_input(compositor.crop(index, net.size)[None])
        picture = net.render(window[None, None], face)[0].transpose(1, 2, 0)
        whole = np.clip(picture * 255 + 0.5, 0, 255).astype(np.uint8)
        pictures = (frame.picture, compositor.blend(index, np.ascontiguousarray(whole)))
        drawn, wanted = (np.frombuffer(picture, np.uint8).astype(int) for picture in pictures)
        assert np.abs(drawn - wanted).max() <= 1


@pytest.fixture(scope="module")
def pairs(renderer: FaceRenderer, models: Path) -> list[tuple[np.ndarray, np.ndarray]]:
    """For each sentence: how open the pictures are, and how open the phonemes want them."""
    found: list[tuple[np.ndarray, np.ndarray]] = []
    for text in SENTENCES:
        pcm, phones = spoken(models, text)
        seen = opened(renderer, drawn(renderer, pcm))
        wanted = tracks(phones, np.arange(len(seen)) / FPS)
        gap = (wanted[:, JAW] + 0.15 * wanted[:, UP]) * (1 - wanted[:, PRESS]) * (1 - 0.4 * wanted[:, TUCK])
        found.append((seen, gap))
    return found


def test_the_lips_follow_the_labelled_phonemes(pairs: list[tuple[np.ndarray, np.ndarray]]) -> None:
    correlations = [float(np.corrcoef(seen, wanted)[0, 1]) for seen, wanted in pairs]
    assert np.mean(correlations) > 0.75, correlations


def test_lips_and_sound_are_in_step(pairs: list[tuple[np.ndarray, np.ndarray]]) -> None:
    """Shifting the phonemes by a frame or more either way never fits better on average than not shifting them."""
    shifts = range(-4, 5)
    scores = [
        np.mean([np.corrcoef(seen[5:-5], np.roll(wanted, s)[5:-5])[0, 1] for seen, wanted in pairs]) for s in shifts
    ]
    assert abs(shifts[int(np.argmax(scores))]) <= 1, scores


def test_before_and_after_the_words_the_mouth_is_at_rest(pairs: list[tuple[np.ndarray, np.ndarray]]) -> None:
    for seen, _ in pairs:
        assert seen[:8].max() == 0
        assert seen[-8:].max() == 0
        assert np.percentile(seen, 95) > 4


@pytest.mark.parametrize("level_db", [-100, -80])
def test_silence_shows_idle_frames(renderer: FaceRenderer, level_db: int) -> None:
    noise = np.random.default_rng(1).normal(size=32000) * 10 ** (level_db / 20)
    assert opened(renderer, drawn(renderer, noise)).max() == 0


@pytest.mark.parametrize("level_db", [-70, -50, -30])
def test_steady_noise_does_not_open_the_mouth(
    renderer: FaceRenderer, pairs: list[tuple[np.ndarray, np.ndarray]], level_db: int
) -> None:
    noise = np.random.default_rng(1).normal(size=32000) * 10 ** (level_db / 20)
    open_in_speech = np.percentile(np.concatenate([seen for seen, _ in pairs]), 90)
    assert opened(renderer, drawn(renderer, noise)).mean() < 0.25 * open_in_speech


def test_every_frame_of_the_loop_can_speak(renderer: FaceRenderer, models: Path) -> None:
    """The same sound opens the mouth about as far wherever in the idle loop it falls."""
    pcm, _ = spoken(models, SENTENCES[0])
    means = [opened(renderer, drawn(renderer, pcm, first=first)).mean() for first in (0, 67, 133)]
    assert max(means) < 1.3 * min(means)
