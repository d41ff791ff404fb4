"""The face's stock baseline: the same net and avatar drawn the way that talking-head projects ordinarily do.

Wav2Lip's own inference.py and what grew out of it: faces cut out once, a float batch made for each frame, the net run
on it, the picture resized and pasted whole into a copy of the frame, and the frame converted for the encoder. Nothing
of it is slowed down; faces are cut out ahead of time, and one conversion is made where some make two.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from appliance.face.avatar import Avatar

Floats = NDArray[np.float32]

_FRAMES = 200
"""Of the avatar's film are walked: more are not kept as BGR."""


class PlainFace:
    """One frame at a time, with onnxruntime's own settings but for the number of threads."""

    def __init__(self, net: Path, avatar: Avatar, *, threads: int) -> None:
        """
        Args:
            net: the .onnx file.
            threads: CPU threads of one run, as the box has them.
        """
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        self._session = ort.InferenceSession(str(net), options, providers=["CPUExecutionProvider"])
        inputs = {item.name: item.shape for item in self._session.get_inputs()}
        self._face = next(name for name, shape in inputs.items() if shape[1] == 6)
        self._mel = next(name for name in inputs if name != self._face)
        self._boxes = [(int(left), int(top), int(side)) for left, top, side in avatar.boxes[:_FRAMES]]
        self._frames = [cv2.cvtColor(frame, cv2.COLOR_YUV2BGR_I420) for frame in avatar.frames[:_FRAMES]]
        size = inputs[self._face][2]
        self._crops = [
            cv2.resize(frame[top : top + side, left : left + side], (size, size))
            for frame, (left, top, side) in zip(self._frames, self._boxes, strict=True)
        ]

    def draw(self, index: int, window: Floats) -> bytes:
        """One finished I420 picture.

        Args:
            index: the running frame index.
            window: (80, 16) mel.
        """
        place = index % len(self._frames)
        crop = self._crops[place]
        masked = crop.copy()
        masked[crop.shape[0] // 2 :] = 0
        batch = np.concatenate((masked, crop), 2).astype(np.float32) / 255
        feeds = {self._mel: window[None, None], self._face: np.ascontiguousarray(batch.transpose(2, 0, 1)[None])}
        drawn = np.asarray(self._session.run(None, feeds)[0])[0].transpose(1, 2, 0) * 255
        left, top, side = self._boxes[place]
        frame = self._frames[place].copy()
        frame[top : top + side, left : left + side] = cv2.resize(drawn.astype(np.uint8), (side, side))
        return cv2.cvtColor(frame, cv2.COLOR_BGR2YUV_I420).tobytes()
