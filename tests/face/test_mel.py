"""The mel spectrogram is Wav2Lip's, and pieces give what the whole gives."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.errors import AvatarError
from appliance.face.mel import MelWindows, mel_spectrogram, mel_windows, presence

GOLDEN = np.load(Path(__file__).with_name("golden_mel.npz"))
"""A voiced sound with noise and a gap; its mel was made once with librosa 0.11's stft (reflected edges) and filters."""
PCM = GOLDEN["pcm"].astype(np.float32) / 32768


def test_the_spectrogram_is_wav2lips() -> None:
    mel = mel_spectrogram(PCM)

    assert mel.shape == GOLDEN["mel"].shape == (80, 105)
    assert np.abs(mel - GOLDEN["mel"]).max() < 2e-4


def test_digital_silence_is_the_floor() -> None:
    assert (mel_spectrogram(np.zeros(4000, np.float32)) == -4).all()


@given(st.lists(st.integers(0, 3000), max_size=12))
def test_pieces_give_what_the_whole_gives(lengths: list[int]) -> None:
    stream = MelWindows(fps=25, offset_s=-0.08)
    parts, at = [], 0
    for length in lengths:
        parts.append(stream.push(PCM[at : at + length]))
        at += length
    parts += [stream.push(PCM[at:]), stream.finish()]
    windows = np.concatenate(parts)

    whole = mel_windows(PCM, offset_s=-0.08)
    assert windows.shape == whole.shape
    assert np.abs(windows - whole).max() < 1e-5


@pytest.mark.parametrize(("fps", "offset_s"), [(25, 0.0), (25, -0.08), (30, -0.08), (50, -0.1)])
def test_each_window_starts_where_its_frame_is(fps: int, offset_s: float) -> None:
    windows = mel_windows(PCM, fps=fps, offset_s=offset_s)
    mel = mel_spectrogram(PCM)

    assert len(windows) == int(np.ceil(len(PCM) * fps / 16000))
    for frame in (0, 3, 11, 19):
        start = int(np.floor(frame * 80 / fps + offset_s * 80))
        lead = max(0, -start)
        assert (windows[frame][:, :lead] == -4).all()
        assert np.abs(windows[frame][:, lead:] - mel[:, start + lead : start + 16]).max() < 1e-5


def test_a_frame_comes_as_soon_as_its_right_context_is_there() -> None:
    stream = MelWindows(fps=25, offset_s=-0.08)
    # Frame 0 ends with column 8, which is centred on sample 1600 and reaches 400 further.
    assert len(stream.push(PCM[:1999])) == 0
    assert len(stream.push(PCM[1999:2000])) == 1


def test_speech_that_is_shorter_than_a_window_still_has_its_frames() -> None:
    assert mel_windows(PCM[:100]).shape == (1, 80, 16)
    assert mel_windows(PCM[:0]).shape == (0, 80, 16)


def test_bad_speech_is_refused() -> None:
    with pytest.raises(AvatarError, match="dimensions"):
        mel_spectrogram(np.zeros((2, 900), np.float32))
    with pytest.raises(AvatarError, match="finite"):
        MelWindows().push(np.full(900, np.nan, np.float32))
    stream = MelWindows()
    stream.finish()
    with pytest.raises(AvatarError, match="end"):
        stream.push(PCM)


def test_presence_tells_silence_from_sound() -> None:
    quiet, hiss, speech = np.zeros(16000), np.random.default_rng(1).normal(size=16000) * 1e-4, PCM[:8000]
    found = [presence(mel_windows(pcm.astype(np.float32))[5:-5]) for pcm in (quiet, hiss, speech)]

    assert found[0].max() == 0
    assert found[1].max() < 0.05
    assert found[2].min() == 1


def test_a_window_that_starts_at_its_picture_counts_from_there() -> None:
    """The last 40 ms of sound: the mouth is still shown, though the middle of the window is silent."""
    window = np.full((1, 80, 16), -4, np.float32)
    window[:, :, :3] = 2
    assert presence(window).tolist() == [0]
    assert presence(window, offset_s=0.0).tolist() == [1]
