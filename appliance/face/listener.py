"""Stretches of speech in, the mouth at each picture out, for voices that do not tell their phonemes.

Whisper's encoder hears what is said, whoever says it and through noise; a small net of our own, beside a mel
spectrogram, reads off both when the lips do it.
"""

from __future__ import annotations

import json
from functools import cached_property
from pathlib import Path
from typing import Any

import ctranslate2
import numpy as np
from faster_whisper.feature_extractor import FeatureExtractor
from numpy.typing import NDArray

from appliance.errors import AvatarError
from appliance.face import onnx_file
from appliance.face.denoise import denoised
from appliance.face.mel import MELS_PER_S, RATE_HZ, mel_spectrogram
from appliance.face.onnx_file import BROKEN
from appliance.face.stretches import runs
from appliance.face.visemes import PARAMETERS

Floats = NDArray[np.float32]

ROWS_PER_S = 50
"""Rows of features that Whisper's encoder makes of a second."""
MEL, HEARD, MOUTHS = "mel", "heard", "mouths"
"""The net's inputs, (1, 80, T) and (1, features, T), and its output, (1, T, 8): T mel frames."""
HEADS = "whisper_alignment_heads"
"""What the net's metadata tells of the Whisper that it learned with; no two of OpenAI's have the same."""
_FRAMES_PER_ROW = 2
"""Frames of Whisper's log-mel picture for each row."""


class Listener:
    """One owner thread. Both models are opened when something is first heard: a voice may tell its phonemes."""

    def __init__(self, net: Path, whisper: Path, *, threads: int = 1) -> None:
        """
        Args:
            net: our .onnx file.
            whisper: folder of the Whisper that it learned with, in CTranslate2's format; see `knows`.
        """
        self._net_path, self._whisper_path, self._threads = net, whisper, threads

    def mouths(self, stretches: Floats, times_s: NDArray[np.float64]) -> Floats:
        """Read the lips off the sound: (n, 8) in [0, 1].

        Args:
            stretches: (n, BEFORE + AFTER) float32 in [-1, 1], 16 kHz, the sound around each picture.
            times_s: (n,) when each is shown.
        Raises:
            AvatarError: a file cannot be read; code inference-failed.
        """
        read: list[Floats] = []
        for run in runs(stretches, times_s):
            mouths = self._heard(run.pcm)
            at = run.middles * MELS_PER_S / RATE_HZ
            columns = np.arange(len(mouths))
            read += [np.stack([np.interp(at, columns, track) for track in mouths.T], 1)]
        return np.concatenate(read).astype(np.float32)

    def _heard(self, pcm: Floats) -> Floats:
        """(T, 8): the mouth at each mel frame of (n,) sound."""
        clear = denoised(pcm)
        mel = mel_spectrogram(clear)
        heard = stretched(self._whisper.hear(clear), mel.shape[1])
        try:
            (mouths,) = self._net.run([MOUTHS], {MEL: mel[None], HEARD: heard.T[None]})
        except Exception as error:
            message = "the net that listens failed"
            raise AvatarError(message, code="inference-failed", hint=BROKEN) from error
        return np.asarray(mouths[0], np.float32)

    @cached_property
    def _net(self) -> Any:
        return onnx_file.session(self._net_path, self._net_path.name, threads=self._threads)

    @cached_property
    def _whisper(self) -> WhisperFeatures:
        return WhisperFeatures(self._whisper_path, threads=self._threads)


class WhisperFeatures:
    """The encoder of a Whisper in CTranslate2's format; one owner thread."""

    def __init__(self, folder: Path, *, threads: int = 1) -> None:
        """Open it on the CPU.

        Raises:
            AvatarError: code not-readable.
        """
        try:
            self._model = ctranslate2.models.Whisper(
                str(folder), device="cpu", compute_type="int8", intra_threads=threads
            )
        except (RuntimeError, ValueError, OSError) as error:
            message = f"{folder} holds no readable Whisper model: {error}"
            raise AvatarError(message, code="not-readable", hint="run `appliance models verify`") from error
        self._log_mel = FeatureExtractor()

    def hear(self, pcm: Floats) -> Floats:
        """Features of (n,) float32 sound at 16 kHz, at most 30 s: (n // 320, features), a row each 20 ms."""
        rows = len(pcm) * ROWS_PER_S // RATE_HZ
        picture = self._log_mel(pcm, padding=0)[:, : rows * _FRAMES_PER_ROW]
        content = ctranslate2.StorageView.from_array(np.ascontiguousarray(picture[None], np.float32))
        return np.asarray(self._model.encode(content, to_cpu=True), np.float32)[0]


def stretched(rows: NDArray[np.floating[Any]], count: int, first: int = 0) -> Floats:
    """Bring rows of features to the rate of `count` mel frames from the `first` on, in step: (count, features)."""
    at = np.minimum((first + np.arange(count)) * ROWS_PER_S / MELS_PER_S, len(rows) - 1)
    low = at.astype(np.int64)
    share = (at - low)[:, None].astype(np.float32)
    return np.asarray(rows[low] * (1 - share) + rows[np.minimum(low + 1, len(rows) - 1)] * share, np.float32)


def knows(net: Path, whisper: Path) -> bool:
    """Whether the net learned with this Whisper, of whatever precision.

    Raises:
        AvatarError: the net cannot be read, or is no such net.
    """
    metadata = {item.key: item.value for item in onnx_file.read(net).metadata_props}
    if tuple(metadata.get("mouth_parameters", "").split()) != PARAMETERS:
        raise AvatarError(f"{net.name} does not read mouths off sound", code="incompatible", hint=BROKEN)
    return metadata.get(HEADS) == heads(whisper)


def heads(whisper: Path) -> str:
    """What tells one Whisper from another; empty where the folder does not say."""
    try:
        return json.dumps(json.loads((whisper / "config.json").read_text(encoding="utf-8"))["alignment_heads"])
    except (OSError, ValueError, KeyError):
        return ""
