"""A sentence in, speech by one of many voices out: Kokoro, a neural text-to-speech under ONNX Runtime.

It does not tell its phonemes well (25 ms apart, and 60 late against what is heard): they are found by alignment.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime as ort
from piper.phonemize_espeak import EspeakPhonemizer

from appliance.face.training.speech import Floats

RATE_HZ = 24_000
_PARTS = "kokoro-v1.0.int8.onnx.*"
# The symbols that espeak-ng says English with. Source: config.json of hexgrad/Kokoro-82M.
_IDS = dict(
    zip(
        ";:,.!? ̃abdefhijklmnoprstuvwxzæðŋɐɑɒɔəɚɛɜɡɪɹɾʃʊʌʒʔθˈˌːᵻ",
        (
            *(1, 2, 3, 4, 5, 6, 16, 17, 43, 44, 46, 47, 48, 50, 51, 52, 53, 54, 55, 56, 57, 58, 60, 61, 62, 63, 64, 65),
            *(66, 68, 72, 81, 112, 70, 69, 71, 76, 83, 85, 86, 87, 92, 102, 123, 125, 131, 135, 138, 147, 148, 119),
            *(156, 157, 158, 177),
        ),
        strict=True,
    )
)


class Kokoro:
    """The voices of one folder; one owner thread."""

    def __init__(self, folder: Path, *, threads: int = 1) -> None:
        """Join the model's parts and open it.

        Args:
            folder: of the parts and of the voices, (510, 1, 256) float32 each: a style for every number of phonemes.
        """
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        model = b"".join(part.read_bytes() for part in sorted(folder.glob(_PARTS)))
        self._session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self._phonemizer = EspeakPhonemizer()
        self._folder = folder

    @property
    def voices(self) -> list[str]:
        """Their names; the first letter is the accent (American, British), the second the sex."""
        return sorted(path.stem for path in self._folder.glob("*.bin"))

    def speak(self, text: str, voice: str, *, speed: float = 1.0) -> Floats:
        """Speak a sentence of at most about 40 words: (n,) in [-1, 1], RATE_HZ."""
        symbols = " ".join("".join(sentence) for sentence in self._phonemizer.phonemize("en-us", text))
        ids = [_IDS[symbol] for symbol in symbols if symbol in _IDS]
        styles = np.fromfile(self._folder / f"{voice}.bin", np.float32).reshape(-1, 1, 256)
        feeds = {
            "tokens": np.array([[0, *ids, 0]], np.int64),
            "style": styles[len(ids)],
            "speed": np.array([speed], np.float32),
        }
        return np.asarray(self._session.run(None, feeds)[0], np.float32)
