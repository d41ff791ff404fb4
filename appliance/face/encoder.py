"""Stretches of speech in, the features that an Ultralight Digital Human net reads out, by an encoder such as HuBERT.

The encoder is an ONNX file of its own: waveform (1, n) in, features (1, T, 1024) out, 50 rows a second. It is run once
for all pictures of a request.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from appliance.errors import AvatarError
from appliance.face import onnx_file
from appliance.face.stretches import BEFORE, ENOUGH, runs

Floats = NDArray[np.float32]

N_FEATURES = 1024
"""Values in one row of features."""
STRIDE, KERNEL = 320, 400
"""Samples from one row to the next, and samples that one row is made of."""
_ENOUGH = 1e-7


class AudioEncoder:
    """One owner thread."""

    def __init__(self, path: Path, *, threads: int = 1) -> None:
        """Open an encoder.

        Raises:
            AvatarError: codes of `onnx_file.read`; incompatible where it does not take one waveform.
        """
        shapes = onnx_file.inputs(onnx_file.read(path))
        if len(shapes) != 1 or [len(shape) for shape in shapes.values()] != [2]:
            message = f"{path.name} does not take a waveform (B, n) but {shapes}"
            raise AvatarError(message, code="incompatible", hint="use an encoder like HuBERT, exported alone")
        (self._input,) = shapes
        self._name = path.name
        self._session: Any = onnx_file.session(path, path.name, threads=threads)

    def encode(self, pcm: Floats) -> Floats:
        """Features of a waveform, (n,) float32 at 16 kHz: (1 + (n - 400) // 320, 1024).

        It is given as HuBERT and Wav2Vec2 were trained, at zero mean and unit variance.

        Raises:
            AvatarError: code inference-failed; incompatible where it gives something else than features.
        """
        levelled = (pcm - pcm.mean()) / np.sqrt(pcm.var() + np.float32(_ENOUGH))
        try:
            rows = np.asarray(self._session.run(None, {self._input: levelled[None].astype(np.float32)})[0])
        except Exception as error:
            message = f"the audio encoder {self._name} failed"
            raise AvatarError(message, code="inference-failed", hint=onnx_file.BROKEN) from error
        wanted = 1 + (len(pcm) - KERNEL) // STRIDE
        if rows.ndim != 3 or rows.shape[2] != N_FEATURES or abs(rows.shape[1] - wanted) > 1:
            message = f"{self._name} gives {rows.shape} of {len(pcm)} samples, not (1, {wanted}, {N_FEATURES})"
            raise AvatarError(message, code="incompatible", hint="use a large HuBERT, 50 rows of 1024 a second")
        if not np.isfinite(rows).all():
            message = f"the audio encoder {self._name} gives values that are not finite"
            raise AvatarError(message, code="inference-failed", hint=onnx_file.BROKEN)
        return np.pad(rows[0], ((0, max(0, wanted - rows.shape[1])), (0, 0))).astype(np.float32, copy=False)

    def windows(self, stretches: Floats, times_s: NDArray[np.float64], n_rows: int) -> Floats:
        """The features around each picture: (n, n_rows, 1024).

        Args:
            stretches: (n, BEFORE + AFTER) float32 in [-1, 1], 16 kHz, the sound around each picture.
            times_s: (n,) when each is shown, rising; pictures that are close share one run of the encoder.
            n_rows: 16 or 32, half of them before the picture's time.
        Source: anliyuan/Ultralight-Digital-Human data_utils/hubert.py and inference.py, get_audio_features.
        """
        cut: list[Floats] = []
        for run in runs(stretches[:, : BEFORE + ENOUGH], times_s):
            features = self.encode(run.pcm)
            middles = np.rint(run.middles / STRIDE).astype(int)
            cut += [features[middle - n_rows // 2 : middle + n_rows // 2] for middle in middles]
        return np.stack(cut)
